// The main job: tests/daemon's telemetryd with hakmem and with libc's own
// malloc, under the same load, side by side.
//
// Rounds are interleaved (hakmem first, then libc first, and so on). Exit code
// 0: both answered everything rightly and the link with hakmem is closed; 1:
// not so; 2: the command line makes no sense.

#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "bench/daemon_process.h"
#include "bench/daemon_table.h"
#include "tests/daemon/command_line.h"

ABSL_FLAG(int, rounds, 5, "");
ABSL_FLAG(int, requests, 10000, "");
ABSL_FLAG(int, connections, 8, "");
ABSL_FLAG(int, workers, 2, "");
ABSL_FLAG(bool, smoke, false, "");

// Where things are; the build rule gives them.
ABSL_FLAG(std::string, hakmem, "", "");
ABSL_FLAG(std::string, libc, "", "");
ABSL_FLAG(std::string, hakmem_image, "", "");
ABSL_FLAG(std::string, libc_image, "", "");
ABSL_FLAG(std::string, load, "", "");
ABSL_FLAG(std::string, records, "", "");
ABSL_FLAG(std::string, rules, "", "");
ABSL_FLAG(std::string, check, "", "");
ABSL_FLAG(std::string, variant, "release", "");

namespace hakmem_bench {
namespace {

using ::hakmem_daemon::Die;

constexpr std::chrono::milliseconds kStartPatience(20000);
constexpr std::chrono::milliseconds kStopPatience(20000);
constexpr int kLoadSeconds = 300;
constexpr std::chrono::seconds kIdle(2);

struct Candidate {
  std::string name;
  std::string program;
  std::string image;
  // By the names of the load generator's report, and our own; one per round.
  std::map<std::string, std::vector<double>> values;
};

int InRange(const char* name, int value, int high) {
  if (value < 1 || value > high) {
    Die(2, absl::StrCat("--", name, " wants a number from 1 to ", high, "."));
  }
  return value;
}

// Starts the daemon and returns the port it says.
std::string StartDaemon(const Candidate& candidate, ChildProcess* daemon) {
  const std::vector<std::string> command = {
      candidate.program, absl::StrCat("--rules=", absl::GetFlag(FLAGS_rules)),
      absl::StrCat("--workers=", absl::GetFlag(FLAGS_workers))};
  std::string line;
  if (!daemon->Start(command) || !daemon->ReadLine(kStartPatience, &line)) {
    Die(1, absl::StrCat("The daemon with ", candidate.name, " did not start."));
  }
  absl::string_view port = line;
  if (!absl::ConsumePrefix(&port, "listening on 127.0.0.1:")) {
    Die(1, absl::StrCat("The daemon said '", line, "'."));
  }
  return absl::StrCat(port);
}

// Runs the load to its end and keeps what it reports.
void RunLoad(const std::string& port, int seed, Candidate* candidate) {
  ChildProcess load;
  const std::vector<std::string> command = {
      absl::GetFlag(FLAGS_load),
      absl::StrCat("--target=127.0.0.1:", port),
      absl::StrCat("--records=", absl::GetFlag(FLAGS_records)),
      absl::StrCat("--requests=", absl::GetFlag(FLAGS_requests)),
      absl::StrCat("--connections=", absl::GetFlag(FLAGS_connections)),
      absl::StrCat("--seconds=", kLoadSeconds),
      absl::StrCat("--seed=", seed)};
  if (!load.Start(command)) Die(1, "The load generator did not start.");
  std::string line;
  double requests = 0;
  while (load.ReadLine(std::chrono::seconds(kLoadSeconds + 60), &line)) {
    const std::vector<std::string> fields = absl::StrSplit(line, ' ');
    double value = 0;
    if (fields.size() != 2 || !absl::SimpleAtod(fields[1], &value)) {
      Die(1, absl::StrCat("The load generator said '", line, "'."));
    }
    candidate->values[fields[0]].push_back(value);
    if (fields[0] == "requests") requests = value;
  }
  if (load.Wait(kStopPatience) != 0) {
    Die(1, absl::StrCat("The replay against the daemon with ", candidate->name,
                        " failed."));
  }
  if (requests < absl::GetFlag(FLAGS_requests)) {
    Die(1, absl::StrCat("Only ", requests, " requests in ", kLoadSeconds,
                        " seconds: too slow to compare. Use --requests."));
  }
}

void RunRound(int seed, Candidate* candidate) {
  ChildProcess daemon;
  const std::string port = StartDaemon(*candidate, &daemon);
  const auto keep = [&](const char* name, double value) {
    candidate->values[name].push_back(value);
  };
  const double cpu_before = daemon.CpuMs();
  const int64_t rss_before = daemon.StatusKib("VmRSS");
  RunLoad(port, seed, candidate);
  keep("cpu_us", (daemon.CpuMs() - cpu_before) * 1000 /
                     candidate->values["requests"].back());
  std::this_thread::sleep_for(kIdle);
  keep("rss_start_mib", static_cast<double>(rss_before) / 1024);
  keep("rss_peak_mib", static_cast<double>(daemon.StatusKib("VmHWM")) / 1024);
  keep("rss_idle_mib", static_cast<double>(daemon.StatusKib("VmRSS")) / 1024);
  daemon.Terminate();
  const int code = daemon.Wait(kStopPatience);
  if (code != 0) {
    Die(1, absl::StrCat("The daemon with ", candidate->name,
                        " ended with code ", code, "."));
  }
}

void MeasureImage(Candidate* candidate) {
  struct stat status;
  if (stat(candidate->image.c_str(), &status) != 0) {
    Die(2, absl::StrCat(candidate->image, ": ", std::strerror(errno), "."));
  }
  candidate->values["image_kib"] = {static_cast<double>(status.st_size) / 1024};
}

// What the closed-link check says of a program: its exit code and a word.
int Closed(const Candidate& candidate, std::string* word) {
  const std::string check = absl::GetFlag(FLAGS_check);
  if (check.empty()) {
    *word = "not checked";
    return 0;
  }
  ChildProcess process;
  const std::string variant =
      absl::StrCat("--variant=", absl::GetFlag(FLAGS_variant));
  if (!process.Start({check, variant, candidate.program})) {
    Die(1, "The check did not start.");
  }
  std::string report;
  std::string line;
  while (process.ReadLine(kStartPatience, &line)) {
    absl::StrAppend(&report, line, "\n");
  }
  const int code = process.Wait(kStopPatience);
  // With libc's malloc the answer is no, and no reason has to be given.
  if (code != 0 && candidate.program == absl::GetFlag(FLAGS_hakmem)) {
    absl::PrintF("\n%s", report);
  }
  *word = code == 0 ? "yes" : code == 1 ? "no" : "cannot tell";
  return code;
}

void PrintTable(const Candidate& left, const Candidate& right,
                const std::string& left_closed,
                const std::string& right_closed) {
  static const struct {
    const char* key;
    const char* name;
    int decimals;
  } kRows[] = {
      {"requests_per_second", "requests per second", 0},
      {"p50_us", "p50 of a request, us", 0},
      {"p99_us", "p99, us", 0},
      {"p999_us", "p99.9, us", 0},
      {"cpu_us", "CPU time of a request, us", 1},
      {"rss_start_mib", "RSS at start, MiB", 2},
      {"rss_peak_mib", "peak RSS, MiB", 2},
      {"rss_idle_mib", "RSS 2 s after the load, MiB", 2},
      {"image_kib", "stripped image, KiB", 0},
  };
  std::vector<std::vector<std::string>> rows = {
      {"", left.name, right.name, "hakmem / libc"}};
  for (const auto& row : kRows) {
    const TableRow values = {row.name, row.decimals, left.values.at(row.key),
                             right.values.at(row.key)};
    rows.push_back({row.name, Spread(values.left, row.decimals),
                    Spread(values.right, row.decimals), Ratio(values)});
  }
  rows.push_back({"link is closed", left_closed, right_closed, ""});
  absl::PrintF("\n%s", Align(rows));
}

std::vector<Candidate> Candidates() {
  std::vector<Candidate> both(2);
  both[0].name = absl::StrCat("hakmem ", absl::GetFlag(FLAGS_variant));
  both[0].program = absl::GetFlag(FLAGS_hakmem);
  both[0].image = absl::GetFlag(FLAGS_hakmem_image);
  both[1].name = "libc malloc";
  both[1].program = absl::GetFlag(FLAGS_libc);
  both[1].image = absl::GetFlag(FLAGS_libc_image);
  for (Candidate& candidate : both) MeasureImage(&candidate);
  return both;
}

int Compare() {
  std::vector<Candidate> both = Candidates();
  const int rounds = InRange("rounds", absl::GetFlag(FLAGS_rounds), 100);
  absl::PrintF(
      "telemetryd, %d workers; %d rounds of %d requests over %d connections\n",
      absl::GetFlag(FLAGS_workers), rounds, absl::GetFlag(FLAGS_requests),
      absl::GetFlag(FLAGS_connections));
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < both.size(); ++i) {
      Candidate& next = both[(i + static_cast<size_t>(round)) % both.size()];
      RunRound(round + 1, &next);
      absl::PrintF("round %d, %-16s %.0f requests per second\n", round + 1,
                   next.name + ":", next.values["requests_per_second"].back());
      std::fflush(stdout);
    }
  }
  std::string closed[2];
  const int open = Closed(both[0], &closed[0]);
  Closed(both[1], &closed[1]);
  PrintTable(both[0], both[1], closed[0], closed[1]);
  absl::PrintF(
      "Median (lowest to highest); hakmem / libc: median of the "
      "rounds' ratios.\n");
  if (open != 0) Die(1, "The link of the daemon with hakmem is not closed.");
  return 0;
}

int Main(int argc, char** argv) {
  hakmem_daemon::ParseCommandLine(
      argc, argv, "daemon: telemetryd with hakmem and with libc's malloc.",
      {{"rounds", "how often each of the two runs"},
       {"requests", "in each run"},
       {"connections", "of the load, each a thread"},
       {"workers", "threads of the daemon"},
       {"smoke", "one short round, to see that it works"},
       {"hakmem", "the daemon with hakmem"},
       {"libc", "the daemon with libc's malloc"},
       {"hakmem_image", "the same, stripped"},
       {"libc_image", "the same, stripped"},
       {"load", "the load generator"},
       {"records", "what it replays"},
       {"rules", "the daemon's rules"},
       {"check", "the closed-link check; empty: none"},
       {"variant", "of hakmem, for the check"}});
  if (absl::GetFlag(FLAGS_smoke)) {
    absl::SetFlag(&FLAGS_rounds, 1);
    absl::SetFlag(&FLAGS_requests, 400);
  }
  InRange("requests", absl::GetFlag(FLAGS_requests), 10000000);
  InRange("connections", absl::GetFlag(FLAGS_connections), 64);
  InRange("workers", absl::GetFlag(FLAGS_workers), 16);
  return Compare();
}

}  // namespace
}  // namespace hakmem_bench

int main(int argc, char** argv) { return hakmem_bench::Main(argc, argv); }
