// The results in words and tables (Markdown).
#ifndef BENCH_COMPARE_SUMMARY_H_
#define BENCH_COMPARE_SUMMARY_H_

#include <string>

#include "bench/compare/results.h"

namespace bench {

// `head` tells when, where and how it was measured.
std::string Summary(const Results& results, const std::string& head);

}  // namespace bench

#endif  // BENCH_COMPARE_SUMMARY_H_
