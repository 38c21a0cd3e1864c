// Runs every file given through the fuzz target, whole, cut off at every
// length and with every byte damaged in turn. It passes by not dying.

#include <cstdint>
#include <cstdio>
#include <string>

#include "toolchains/check/byte_source.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

int runs = 0;

void Run(const std::string& input) {
  // A copy of exactly this size, so that a sanitizer sees a read past its end.
  const std::string copy(input);
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(copy.data()),
                         copy.size());
  ++runs;
}

void RunDamaged(const std::string& whole) {
  Run(whole);
  for (size_t size = 0; size < whole.size(); ++size) {
    Run(whole.substr(0, size));
  }
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const char value : {'\0', '\x01', '\x7f', '\xff'}) {
      std::string damaged = whole;
      damaged[at] = value;
      Run(damaged);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  constexpr uint64_t kMaxInput = 1 << 16;
  for (int i = 1; i < argc; ++i) {
    std::string error;
    const auto source =
        hakmem::check::ByteSource::Open(argv[i], kMaxInput, &error);
    if (!source.has_value()) {
      std::fprintf(stderr, "%s\n", error.c_str());
      return 1;
    }
    RunDamaged(source->Read(0, source->size()).value_or(""));
  }
  std::printf("%d inputs from %d files\n", runs, argc - 1);
  return runs == 0;
}
