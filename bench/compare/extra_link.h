// Links the programs of the bench with an allocator that the user brings.
#ifndef BENCH_COMPARE_EXTRA_LINK_H_
#define BENCH_COMPARE_EXTRA_LINK_H_

#include <string>
#include <vector>

#include "bench/compare/options.h"

namespace bench {

// `objects` is the folder that holds WORKLOAD.o, `programs` the one for the
// results, WORKLOAD.NAME. Uses the machine's gcc. Returns an empty string, or
// what is wrong.
std::string LinkExtra(const Extra& extra, const std::vector<Case>& cases,
                      const std::string& objects, const std::string& programs);

}  // namespace bench

#endif  // BENCH_COMPARE_EXTRA_LINK_H_
