"""``make bench``: every measurement, one after the other."""

from benchmarks import check_cost

for benchmark in (check_cost,):
    benchmark.main()
