#include "counters/page.h"

void eddy_page_observe(eddy_page_metric *metric, double value) {
    int bucket = 0;
    while (bucket < metric->bound_count && value > metric->bounds[bucket]) bucket++;
    metric->buckets[bucket] += 1;
    metric->value += value;
}
