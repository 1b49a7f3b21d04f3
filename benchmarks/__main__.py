"""``make bench``: every measurement, one after the other."""

from benchmarks import check_cost, sweep

for benchmark in (check_cost, sweep):
    benchmark.main()
