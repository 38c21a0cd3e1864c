#include "bench/compare/extra_link.h"

#include <unistd.h>

#include <cstdio>
#include <set>

#include "absl/strings/str_cat.h"
#include "bench/compare/runner.h"

namespace bench {
namespace {

constexpr int kLinkSeconds = 120;

std::vector<std::string> LinkCommand(const Extra& extra,
                                     const std::string& object,
                                     const std::string& program) {
  std::vector<std::string> command = {"/usr/bin/env", "gcc",   "-static",
                                      "-o",           program, object};
  // All of an archive: libc.a would win for the members that nobody asked for
  // before it, and its heap would be linked beside the other.
  command.push_back("-Wl,--whole-archive");
  command.push_back(extra.link[0]);
  command.push_back("-Wl,--no-whole-archive");
  command.insert(command.end(), extra.link.begin() + 1, extra.link.end());
  for (const char* library : {"-lstdc++", "-lm", "-ldl", "-lpthread"}) {
    command.push_back(library);
  }
  return command;
}

}  // namespace

std::string LinkExtra(const Extra& extra, const std::vector<Case>& cases,
                      const std::string& objects, const std::string& programs) {
  if (access(extra.link[0].c_str(), R_OK) != 0) {
    return absl::StrCat("--extra=", extra.name, ": there is no file ",
                        extra.link[0], ".");
  }
  fprintf(stderr, "linking with %s\n", extra.name.c_str());
  std::set<std::string> workloads;
  for (const Case& one : cases) workloads.insert(one.workload);
  for (const std::string& workload : workloads) {
    const std::string object = absl::StrCat(objects, "/", workload, ".o");
    const std::string program =
        absl::StrCat(programs, "/", workload, ".", extra.name);
    if (access(object.c_str(), R_OK) != 0) continue;
    const RunResult linked =
        RunProgram(LinkCommand(extra, object, program), kLinkSeconds);
    if (!linked.error.empty()) {
      return absl::StrCat("--extra=", extra.name, ": linking ", workload,
                          " with ", extra.link[0], " failed: gcc ",
                          linked.error, ".");
    }
  }
  return "";
}

}  // namespace bench
