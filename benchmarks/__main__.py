"""``make bench``: every measurement, one after the other."""

from benchmarks import check_cost, derive_speed, sweep

for benchmark in (derive_speed, check_cost, sweep):
    benchmark.main()
