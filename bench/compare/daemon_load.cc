// The daemon as a workload of compare: starts the telemetryd that it is given,
// replays the records against it, and prints "metric unit value" lines like
// the other workloads do. One operation is one request, answered rightly.
//
//   daemon_load TELEMETRYD [requests=N] [--smoke]
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "bench/daemon_process.h"

namespace bench {
namespace {

using hakmem_bench::ChildProcess;

constexpr char kLoad[] = "tests/daemon/load_generator";
constexpr char kRecords[] = "tests/daemon/records.jsonl";
constexpr char kRules[] = "tests/daemon/rules.lua";
constexpr std::chrono::milliseconds kPatience(20000);
constexpr std::chrono::seconds kLoadTime(300);
constexpr std::chrono::seconds kIdle(2);

int Fail(const std::string& sentence) {
  fprintf(stderr, "%s\n", sentence.c_str());
  return 1;
}

// What the load generator reports, by name; empty when the replay failed.
std::map<std::string, double> Replay(const std::string& address, int requests) {
  std::map<std::string, double> report;
  ChildProcess load;
  if (!load.Start({kLoad, absl::StrCat("--target=", address),
                   absl::StrCat("--records=", kRecords),
                   absl::StrCat("--requests=", requests),
                   absl::StrCat("--seconds=", kLoadTime.count())})) {
    return {};
  }
  std::string line;
  while (load.ReadLine(kLoadTime + kPatience, &line)) {
    const std::pair<std::string, std::string> words =
        absl::StrSplit(line, absl::MaxSplits(' ', 1));
    double value = 0;
    if (absl::SimpleAtod(words.second, &value)) report[words.first] = value;
  }
  if (load.Wait(kPatience) != 0) return {};
  return report;
}

void Print(const char* metric, const char* unit, double value) {
  printf("%s %s %.10g\n", metric, unit, value);
}

int Run(const std::string& program, int requests) {
  ChildProcess daemon;
  std::string line;
  if (!daemon.Start({program, absl::StrCat("--rules=", kRules)}) ||
      !daemon.ReadLine(kPatience, &line)) {
    return Fail("the daemon did not start");
  }
  absl::string_view address = line;
  if (!absl::ConsumePrefix(&address, "listening on ")) {
    return Fail(absl::StrCat("the daemon said '", line, "'"));
  }
  const double cpu_before = daemon.CpuMs();
  std::map<std::string, double> report = Replay(std::string(address), requests);
  if (report["requests"] < requests) return Fail("the replay failed");
  const double cpu = daemon.CpuMs() - cpu_before;
  std::this_thread::sleep_for(kIdle);
  Print("time_per_op", "ns", 1e9 / report["requests_per_second"]);
  Print("cpu_per_op", "ns", cpu * 1e6 / report["requests"]);
  Print("request_latency@50", "ns", report["p50_us"] * 1000);
  Print("request_latency@99", "ns", report["p99_us"] * 1000);
  Print("request_latency@99.9", "ns", report["p999_us"] * 1000);
  Print("request_latency@100", "ns", report["max_us"] * 1000);
  Print("peak_rss", "KiB", static_cast<double>(daemon.StatusKib("VmHWM")));
  Print("final_rss", "KiB", static_cast<double>(daemon.StatusKib("VmRSS")));
  daemon.Terminate();
  if (daemon.Wait(kPatience) != 0) return Fail("the daemon ended badly");
  return 0;
}

int Main(const std::vector<std::string>& arguments) {
  std::string program;
  int requests = 8000;
  for (const std::string& argument : arguments) {
    absl::string_view value = argument;
    if (argument == "--smoke") {
      requests = 400;
    } else if (absl::ConsumePrefix(&value, "requests=")) {
      if (!absl::SimpleAtoi(value, &requests) || requests < 1) {
        Fail("requests= wants a number from 1");
        return 2;
      }
    } else {
      program = argument;
    }
  }
  if (program.empty()) {
    Fail("which daemon? daemon_load TELEMETRYD [requests=N] [--smoke]");
    return 2;
  }
  return Run(program, requests);
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::Main(std::vector<std::string>(argv + 1, argv + argc));
}
