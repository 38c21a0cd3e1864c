// Holds: what the check found, and its two forms: text and JSON.
// Read next: judge.h

#ifndef HAKMEM_TOOLCHAINS_CHECK_REPORT_H_
#define HAKMEM_TOOLCHAINS_CHECK_REPORT_H_

#include <string>
#include <vector>

namespace hakmem::check {

// The values are the exit codes.
enum class Verdict { kClosed = 0, kOpen = 1, kCannotTell = 2 };

struct Finding {
  std::string kind;    // a word for machines: "unwrapped", "libc-heap", ...
  std::string symbol;  // the name it is about, may be ""
  std::string object;  // who pulled it in, may be ""
  std::string text;    // a sentence for people
};

struct Report {
  std::string file;
  Verdict verdict = Verdict::kCannotTell;
  std::string reason;  // why it cannot be told
  std::string mode;    // "wrap", "override", ""
  std::string variant;
  std::string libc;  // "glibc", "musl", ""
  std::string libc_version;
  std::string linker;
  bool libc_verified = false;
  std::vector<Finding> findings;
  std::vector<std::string> proofs;
  std::vector<std::string> warnings;
};

// "a, b, c, d and 7 more".
std::string Join(const std::vector<std::string>& words);

std::string AsText(const Report& report);
std::string AsJson(const Report& report);

}  // namespace hakmem::check

#endif  // HAKMEM_TOOLCHAINS_CHECK_REPORT_H_
