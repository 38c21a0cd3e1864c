// Replays the record file against the daemon on 127.0.0.1 and checks every
// answer. A closed loop: each connection sends its next request when it has
// the answer to the last one, so a slower daemon is asked less often; the
// latencies are those of a busy device, not of an idle one.
//
// Prints "key value" lines. Exit code 0: all answers were right; 1: one was
// not, or the connection broke; 2: the command line makes no sense.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "tests/daemon/command_line.h"
#include "tests/daemon/replay_data.h"
#include "tests/daemon/session.h"

ABSL_FLAG(std::string, target, "", "");
ABSL_FLAG(std::string, records, "", "");
ABSL_FLAG(int, requests, 4000, "");
ABSL_FLAG(int, seconds, 60, "");
ABSL_FLAG(int, connections, 8, "");
ABSL_FLAG(int, seed, 1, "");

namespace hakmem_daemon {
namespace {

constexpr int kMaxRequests = 10000000;
constexpr int kMaxSeconds = 3600;
constexpr int kMaxConnections = 64;

// What a connection leaves behind: the daemon is idle then, not empty.
constexpr size_t kKeptAtEnd = 20;

struct Plan {
  uint16_t port = 0;
  int requests = 0;
  int connections = 0;
  std::chrono::steady_clock::time_point deadline;
};

uint16_t PortOfTarget(absl::string_view target) {
  int port = 0;
  absl::string_view rest = target;
  if (!absl::ConsumePrefix(&rest, "127.0.0.1:") ||
      !absl::SimpleAtoi(rest, &port) || port < 1 || port > 65535) {
    Die(2, absl::StrCat("This load speaks to --target=127.0.0.1:PORT only, "
                        "not to '",
                        target, "'."));
  }
  return static_cast<uint16_t>(port);
}

int InRange(const char* name, int value, int high) {
  if (value < 1 || value > high) {
    Die(2, absl::StrCat("--", name, " wants a number from 1 to ", high, "."));
  }
  return value;
}

// Steps until the count, the time or a mistake ends it.
void Drive(const Plan& plan, Session* session, std::atomic<int>* started,
           std::atomic<bool>* failed) {
  while (!*failed && std::chrono::steady_clock::now() < plan.deadline &&
         started->fetch_add(1) < plan.requests) {
    if (!session->Step()) *failed = true;
  }
  if (!*failed && !session->Trim(kKeptAtEnd)) *failed = true;
  session->Close();
}

double PercentileUs(const std::vector<int64_t>& sorted, double percent) {
  const double rank = percent / 100 * static_cast<double>(sorted.size() - 1);
  return static_cast<double>(sorted[static_cast<size_t>(std::lround(rank))]) /
         1000;
}

void Report(const std::vector<std::unique_ptr<Session>>& sessions,
            double seconds) {
  std::vector<int64_t> all;
  for (const auto& session : sessions) {
    all.insert(all.end(), session->LatenciesNs().begin(),
               session->LatenciesNs().end());
  }
  std::sort(all.begin(), all.end());
  absl::PrintF("requests %d\nseconds %.3f\nrequests_per_second %.1f\n",
               all.size(), seconds, static_cast<double>(all.size()) / seconds);
  absl::PrintF("p50_us %.1f\np99_us %.1f\np999_us %.1f\nmax_us %.1f\n",
               PercentileUs(all, 50), PercentileUs(all, 99),
               PercentileUs(all, 99.9), PercentileUs(all, 100));
}

int Run(const Plan& plan, const std::vector<ReplayRecord>& data) {
  const uint64_t seed = static_cast<uint64_t>(absl::GetFlag(FLAGS_seed));
  std::vector<std::unique_ptr<Session>> sessions;
  for (int i = 0; i < plan.connections; ++i) {
    sessions.push_back(
        std::make_unique<Session>(plan.port, i, seed * 1000, &data));
    if (!sessions.back()->Open()) Die(1, sessions.back()->Error());
  }
  std::atomic<int> started{0};
  std::atomic<bool> failed{false};
  std::vector<std::thread> threads;
  threads.reserve(sessions.size());
  const auto start = std::chrono::steady_clock::now();
  for (const auto& session : sessions) {
    threads.emplace_back(Drive, std::cref(plan), session.get(), &started,
                         &failed);
  }
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> taken =
      std::chrono::steady_clock::now() - start;
  for (const auto& session : sessions) {
    if (!session->Error().empty()) Die(1, session->Error());
  }
  Report(sessions, taken.count());
  return 0;
}

int Main(int argc, char** argv) {
  ParseCommandLine(argc, argv,
                   "load_generator: replays records against telemetryd.",
                   {{"target", "127.0.0.1:PORT"},
                    {"records", "the .jsonl file, .expected beside it"},
                    {"requests", "stop after so many"},
                    {"seconds", "stop after so much time"},
                    {"connections", "how many, each a thread"},
                    {"seed", "of the mix of requests"}});
  Plan plan;
  plan.port = PortOfTarget(absl::GetFlag(FLAGS_target));
  plan.requests =
      InRange("requests", absl::GetFlag(FLAGS_requests), kMaxRequests);
  plan.connections =
      InRange("connections", absl::GetFlag(FLAGS_connections), kMaxConnections);
  const int seconds =
      InRange("seconds", absl::GetFlag(FLAGS_seconds), kMaxSeconds);
  const std::vector<ReplayRecord> data =
      LoadReplayData(absl::GetFlag(FLAGS_records));
  plan.deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  return Run(plan, data);
}

}  // namespace
}  // namespace hakmem_daemon

int main(int argc, char** argv) { return hakmem_daemon::Main(argc, argv); }
