#include "tests/daemon/command_line.h"

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/flags/reflection.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace hakmem_daemon {
namespace {

std::string* program_name = nullptr;

bool Known(absl::string_view name, const std::vector<FlagHelp>& flags) {
  for (const FlagHelp& flag : flags) {
    if (name == flag.name) return true;
  }
  return false;
}

[[noreturn]] void PrintHelp(const char* usage,
                            const std::vector<FlagHelp>& flags) {
  absl::PrintF("%s\n", usage);
  for (const FlagHelp& help : flags) {
    const absl::CommandLineFlag* flag = absl::FindCommandLineFlag(help.name);
    absl::PrintF("  --%-14s %s (default: %s)\n", help.name, help.text,
                 flag == nullptr ? "" : flag->DefaultValue());
  }
  std::exit(0);
}

}  // namespace

void Die(int code, absl::string_view sentence) {
  absl::FPrintF(stderr, "%s: %s\n",
                program_name == nullptr ? "?" : *program_name, sentence);
  std::exit(code);
}

void ParseCommandLine(int argc, char** argv, const char* usage,
                      const std::vector<FlagHelp>& flags) {
  absl::string_view path = argc > 0 ? argv[0] : "";
  const size_t slash = path.rfind('/');
  if (slash != absl::string_view::npos) path.remove_prefix(slash + 1);
  program_name = new std::string(path);
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (argument == "--help") PrintHelp(usage, flags);
    absl::string_view name = argument;
    absl::string_view value = "true";
    const size_t equals = argument.find('=');
    if (equals != absl::string_view::npos) {
      name = argument.substr(0, equals);
      value = argument.substr(equals + 1);
    }
    if (!absl::ConsumePrefix(&name, "--") || !Known(name, flags)) {
      Die(2, absl::StrCat("There is no option '", argument, "'. Try --help."));
    }
    std::string error;
    absl::CommandLineFlag* flag = absl::FindCommandLineFlag(name);
    if (flag == nullptr || !flag->ParseFrom(value, &error)) {
      Die(2, absl::StrCat("'", value, "' is no value for --", name,
                          ". Try --help."));
    }
  }
}

}  // namespace hakmem_daemon
