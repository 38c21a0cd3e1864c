// Command lines of the host-side tools: absl flags, but a bad one is a
// sentence and exit code 2, and no flag that absl brings along is accepted.

#ifndef TESTS_DAEMON_COMMAND_LINE_H_
#define TESTS_DAEMON_COMMAND_LINE_H_

#include <vector>

#include "absl/strings/string_view.h"

namespace hakmem_daemon {

struct FlagHelp {
  const char* name;  // of an ABSL_FLAG
  const char* text;
};

// Sets the flags of `flags` from --name=value (a bare --name is --name=true).
// --help prints `usage` and the flags, and exits with 0. Exits with 2 on
// anything else.
void ParseCommandLine(int argc, char** argv, const char* usage,
                      const std::vector<FlagHelp>& flags);

// Prints "<program>: <sentence>" on stderr and exits with `code`.
[[noreturn]] void Die(int code, absl::string_view sentence);

}  // namespace hakmem_daemon

#endif  // TESTS_DAEMON_COMMAND_LINE_H_
