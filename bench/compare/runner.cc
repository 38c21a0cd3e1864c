#include "bench/compare/runner.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace bench {
namespace {

double Seconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) * 1e-9;
}

// The child's two outputs, each read to its end; false when the time is over.
bool ReadBoth(int out, int err, double deadline, std::string* output,
              std::string* complaint) {
  pollfd ends[] = {{out, POLLIN, 0}, {err, POLLIN, 0}};
  std::string* const texts[] = {output, complaint};
  char buffer[4096];
  while (ends[0].fd >= 0 || ends[1].fd >= 0) {
    const double left = deadline - Seconds();
    if (left <= 0) return false;
    const int ready = poll(ends, 2, static_cast<int>(left * 1000) + 1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    for (int i = 0; i < 2; ++i) {
      if (ends[i].fd < 0 || ends[i].revents == 0) continue;
      const ssize_t got = read(ends[i].fd, buffer, sizeof buffer);
      if (got > 0) texts[i]->append(buffer, static_cast<size_t>(got));
      if (got <= 0) ends[i].fd = -1;  // poll() passes over it
    }
  }
  return true;
}

[[noreturn]] void Exec(const std::vector<std::string>& command, int out,
                       int err) {
  std::vector<char*> words;
  for (const std::string& word : command) {
    words.push_back(const_cast<char*>(word.c_str()));
  }
  words.push_back(nullptr);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  execv(words[0], words.data());
  _exit(127);
}

std::string Describe(int status) {
  if (WIFSIGNALED(status)) {
    return absl::StrCat("was ended by ", strsignal(WTERMSIG(status)));
  }
  if (WEXITSTATUS(status) == 127) return "could not be started";
  if (WEXITSTATUS(status) != 0) {
    return absl::StrCat("ended with exit code ", WEXITSTATUS(status));
  }
  return "";
}

}  // namespace

RunResult ParseOutput(const std::string& output) {
  RunResult result;
  for (absl::string_view line :
       absl::StrSplit(output, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    Measurement one;
    if (words.size() != 3 || !absl::SimpleAtod(words[2], &one.value)) {
      result.error = absl::StrCat("printed an unexpected line: ", line);
      return result;
    }
    one.metric = words[0];
    one.unit = words[1];
    result.measurements.push_back(one);
  }
  return result;
}

RunResult RunProgram(const std::vector<std::string>& command, int seconds) {
  RunResult failed;
  int out[2];
  int err[2];
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) {
    failed.error = "found no pipe";
    return failed;
  }
  const pid_t child = fork();
  if (child == 0) Exec(command, out[1], err[1]);
  close(out[1]);
  close(err[1]);
  std::string output;
  std::string complaint;
  const bool in_time =
      child < 0 ||
      ReadBoth(out[0], err[0], Seconds() + seconds, &output, &complaint);
  close(out[0]);
  close(err[0]);
  if (child < 0) {
    failed.error = "found no process";
    return failed;
  }
  if (!in_time) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  failed.error = in_time ? Describe(status)
                         : absl::StrCat("took more than ", seconds, " s");
  if (failed.error.empty()) return ParseOutput(output);
  absl::StripAsciiWhitespace(&complaint);
  if (!complaint.empty()) absl::StrAppend(&failed.error, ": ", complaint);
  return failed;
}

}  // namespace bench
