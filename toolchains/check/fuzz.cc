// One input through everything that reads a stranger's file: as a program, as
// an archive, as a map. Built with libFuzzer's -fsanitize=fuzzer, or with
// fuzz_corpus.cc as a test over the inputs that were kept.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "toolchains/check/archive.h"
#include "toolchains/check/judge.h"
#include "toolchains/check/link_map.h"

using hakmem::check::AsJson;
using hakmem::check::AsText;
using hakmem::check::ByteSource;
using hakmem::check::ElfFile;
using hakmem::check::Evidence;
using hakmem::check::LibcArchive;
using hakmem::check::LinkMap;
using hakmem::check::Report;
using hakmem::check::Verdict;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const ByteSource source = ByteSource::Memory(bytes);
  std::string error;
  const LinkMap map = LinkMap::Parse(bytes);
  const auto libc = LibcArchive::Read(source, &error);
  if (!libc.has_value() && error.empty()) std::abort();
  error.clear();
  auto file = ElfFile::Parse(source, &error);
  if (!file.has_value()) {
    // Refused, and said why.
    if (error.empty()) std::abort();
    return 0;
  }
  Evidence evidence;
  evidence.map = &map;
  evidence.libc = libc.has_value() ? &*libc : nullptr;
  const Report report = Judge(&*file, evidence);
  if (AsText(report).empty() || AsJson(report).empty()) std::abort();
  // No verdict without a reason for it.
  if (report.verdict == Verdict::kCannotTell && report.reason.empty()) {
    std::abort();
  }
  if (report.verdict == Verdict::kOpen && report.findings.empty()) std::abort();
  return 0;
}
