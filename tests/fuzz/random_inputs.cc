// Box:   tests/fuzz.   Uses: calls.cc.
// Holds: main() that feeds the fuzz target without a fuzzer: random inputs from
//        a seed, for compilers and targets that have no libFuzzer.
//
//   random_inputs [SECONDS] [SEED]
//
// Read next: tests/fuzz/calls.cc

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

double Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

int main(int argc, char** argv) {
  static uint8_t bytes[4096];
  const double end = Now() + (argc > 1 ? atof(argv[1]) : 5);
  uint64_t state = argc > 2 ? strtoull(argv[2], nullptr, 0) : 1;
  unsigned inputs = 0;
  do {
    for (uint8_t& byte : bytes) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      byte = static_cast<uint8_t>(state >> 56);
    }
    LLVMFuzzerTestOneInput(bytes, sizeof bytes);
    ++inputs;
  } while (Now() < end);
  printf("%u inputs\n", inputs);
  return inputs > 0 ? 0 : 1;
}
