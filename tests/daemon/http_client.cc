#include "tests/daemon/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace hakmem_daemon {
namespace {

// Longer than any answer takes, so that a hung daemon ends the run.
constexpr timeval kPatience = {30, 0};

constexpr absl::string_view kHeaderEnd = "\r\n\r\n";

}  // namespace

bool HttpClient::Connect() {
  Close();
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return false;
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) ==
         0;
}

void HttpClient::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  buffer_.clear();
}

bool HttpClient::Send(absl::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool HttpClient::ReadMore() {
  char chunk[16384];
  ssize_t got = 0;
  do {
    got = recv(fd_, chunk, sizeof chunk, 0);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return false;
  buffer_.append(chunk, static_cast<size_t>(got));
  return true;
}

bool HttpClient::ReadAnswer(HttpAnswer* answer) {
  size_t header = 0;
  while ((header = buffer_.find(kHeaderEnd.data())) == std::string::npos) {
    if (!ReadMore()) return false;
  }
  size_t length = 0;
  bool has_length = false;
  const absl::string_view head(buffer_.data(), header);
  const std::vector<absl::string_view> lines = absl::StrSplit(head, "\r\n");
  const std::vector<absl::string_view> status = absl::StrSplit(lines[0], ' ');
  if (status.size() < 2 || !absl::SimpleAtoi(status[1], &answer->code)) {
    return false;
  }
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(lines[i], absl::MaxSplits(':', 1));
    const absl::string_view value = absl::StripAsciiWhitespace(field.second);
    if (absl::EqualsIgnoreCase(field.first, "Content-Length")) {
      has_length = absl::SimpleAtoi(value, &length);
    } else if (absl::EqualsIgnoreCase(field.first, "X-Worker")) {
      if (!absl::SimpleAtoi(value, &answer->worker)) return false;
    }
  }
  const size_t total = header + kHeaderEnd.size() + length;
  while (buffer_.size() < total) {
    if (!ReadMore()) return false;
  }
  answer->body = buffer_.substr(total - length, length);
  buffer_.erase(0, total);
  return has_length;
}

bool HttpClient::Exchange(absl::string_view method, absl::string_view target,
                          absl::string_view body, HttpAnswer* answer) {
  const std::string length =
      method == "POST" ? absl::StrCat("Content-Length: ", body.size(), "\r\n")
                       : "";
  return Send(absl::StrCat(method, " ", target,
                           " HTTP/1.1\r\nHost: 127.0.0.1\r\n", length, "\r\n",
                           body)) &&
         ReadAnswer(answer);
}

}  // namespace hakmem_daemon
