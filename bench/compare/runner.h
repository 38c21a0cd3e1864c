// Runs one program of the bench and reads the lines that it prints.
#ifndef BENCH_COMPARE_RUNNER_H_
#define BENCH_COMPARE_RUNNER_H_

#include <string>
#include <vector>

namespace bench {

struct Measurement {
  std::string metric;
  std::string unit;
  double value;
};

struct RunResult {
  std::vector<Measurement> measurements;
  std::string error;  // empty when the program ran to its end
};

// Starts `command` (a path and its arguments) and waits for it, at most
// `seconds`. What it says on stderr becomes part of the error, if it fails.
RunResult RunProgram(const std::vector<std::string>& command, int seconds);

// "metric unit value" lines; anything else is an error.
RunResult ParseOutput(const std::string& output);

}  // namespace bench

#endif  // BENCH_COMPARE_RUNNER_H_
