#include "bench/daemon_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace hakmem_bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPoll(5);

// Between fork and exec.
[[noreturn]] void BecomeChild(int output, std::vector<char*> argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(output, STDOUT_FILENO);
  execv(argv[0], argv.data());
  _exit(127);
}

}  // namespace

ChildProcess::~ChildProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  CloseOutput();
}

void ChildProcess::CloseOutput() {
  if (output_ >= 0) close(output_);
  output_ = -1;
}

bool ChildProcess::Start(const std::vector<std::string>& command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  std::vector<std::string> copy = command;
  std::vector<char*> argv;
  argv.reserve(copy.size() + 1);
  for (std::string& word : copy) argv.push_back(&word[0]);
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) BecomeChild(ends[1], argv);
  close(ends[1]);
  output_ = ends[0];
  return pid_ > 0;
}

bool ChildProcess::ReadLine(std::chrono::milliseconds patience,
                            std::string* line) {
  const Clock::time_point deadline = Clock::now() + patience;
  size_t end = 0;
  while ((end = buffer_.find('\n')) == std::string::npos) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - Clock::now());
    pollfd ready = {output_, POLLIN, 0};
    if (left.count() <= 0 ||
        poll(&ready, 1, static_cast<int>(left.count())) <= 0) {
      return false;
    }
    char chunk[4096];
    const ssize_t got = read(output_, chunk, sizeof chunk);
    if (got <= 0) return false;
    buffer_.append(chunk, static_cast<size_t>(got));
  }
  *line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  return true;
}

void ChildProcess::Terminate() {
  if (pid_ > 0) kill(pid_, SIGTERM);
}

int ChildProcess::Wait(std::chrono::milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  int status = 0;
  pid_t ended = 0;
  while ((ended = waitpid(pid_, &status, WNOHANG)) == 0 &&
         Clock::now() < deadline) {
    std::this_thread::sleep_for(kPoll);
  }
  if (ended == 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, &status, 0);
  }
  pid_ = -1;
  if (ended <= 0) return -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int64_t ChildProcess::StatusKib(const std::string& key) const {
  std::ifstream status(absl::StrCat("/proc/", pid_, "/status"));
  std::string line;
  while (std::getline(status, line)) {
    if (line.compare(0, key.size() + 1, key + ":") == 0) {
      return std::strtoll(line.c_str() + key.size() + 1, nullptr, 10);
    }
  }
  return -1;
}

double ChildProcess::CpuMs() const {
  std::ifstream file(absl::StrCat("/proc/", pid_, "/stat"));
  std::stringstream text;
  text << file.rdbuf();
  // The second field, a name in parentheses, may hold blanks.
  const std::string all = text.str();
  const size_t name_end = all.rfind(") ");
  if (name_end == std::string::npos) return 0;
  const std::vector<std::string> fields =
      absl::StrSplit(all.substr(name_end + 2), ' ');
  constexpr size_t kUserTime = 11;  // 14th field of proc(5), behind the name
  if (fields.size() <= kUserTime + 1) return 0;
  const double ticks = std::strtod(fields[kUserTime].c_str(), nullptr) +
                       std::strtod(fields[kUserTime + 1].c_str(), nullptr);
  return ticks * 1000 / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace hakmem_bench
