// A child process whose standard output is read here, and what the kernel
// knows about its memory.

#ifndef BENCH_DAEMON_PROCESS_H_
#define BENCH_DAEMON_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace hakmem_bench {

class ChildProcess {
 public:
  ChildProcess() = default;
  // Kills what still runs: nothing is left behind by a failed bench.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // False and errno on failure. A program that cannot be run ends with 127.
  [[nodiscard]] bool Start(const std::vector<std::string>& command);

  // One line without its end; false at the end of output or after `patience`.
  [[nodiscard]] bool ReadLine(std::chrono::milliseconds patience,
                              std::string* line);

  // Sends SIGTERM.
  void Terminate();

  // The exit code; 128 + signal if one ended it; -1 if it did not end within
  // `patience` and was killed.
  int Wait(std::chrono::milliseconds patience);

  // A line of /proc/PID/status such as VmRSS, in KiB; -1 if it is not there.
  int64_t StatusKib(const std::string& key) const;

  // User and system time so far, in milliseconds.
  double CpuMs() const;

 private:
  void CloseOutput();

  pid_t pid_ = -1;
  int output_ = -1;
  std::string buffer_;
};

}  // namespace hakmem_bench

#endif  // BENCH_DAEMON_PROCESS_H_
