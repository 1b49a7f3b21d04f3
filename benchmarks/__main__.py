"""``make bench``: every measurement, one after the other."""

from benchmarks import check_cost, compose, derive_speed, sweep, watch_overhead

for benchmark in (derive_speed, compose, watch_overhead, check_cost, sweep):
    benchmark.main()
