// The command line of compare.
#ifndef BENCH_COMPARE_OPTIONS_H_
#define BENCH_COMPARE_OPTIONS_H_

#include <string>
#include <vector>

#include "bench/compare/cases.h"

namespace bench {

// An allocator that the user brings along: an object or archive that defines
// malloc, and what else the linker needs.
struct Extra {
  std::string name;
  std::vector<std::string> link;  // the file first
};

struct Options {
  std::string out;
  int rounds = 5;
  bool smoke = false;  // a test of the bench: tiny runs, no number means much
  bool list = false;
  bool help = false;
  std::vector<Case> cases;
  std::vector<Allocator> allocators;
  std::vector<Extra> extras;
};

extern const char kUsage[];

// Fills `options`; returns an empty string, or the sentence that says what is
// wrong with the command line.
std::string ParseOptions(const std::vector<std::string>& arguments,
                         Options* options);

}  // namespace bench

#endif  // BENCH_COMPARE_OPTIONS_H_
