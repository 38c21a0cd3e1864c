// A blocking HTTP/1.1 client with keep-alive that only ever connects to
// 127.0.0.1: there is no way to name another host.

#ifndef TESTS_DAEMON_HTTP_CLIENT_H_
#define TESTS_DAEMON_HTTP_CLIENT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace hakmem_daemon {

struct HttpAnswer {
  int code = 0;
  int worker = -1;  // X-Worker
  std::string body;
};

class HttpClient {
 public:
  explicit HttpClient(uint16_t port) : port_(port) {}
  ~HttpClient() { Close(); }
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Both are false when the connection fails or the answer is no HTTP.
  [[nodiscard]] bool Connect();
  [[nodiscard]] bool Exchange(absl::string_view method,
                              absl::string_view target, absl::string_view body,
                              HttpAnswer* answer);
  void Close();

 private:
  bool Send(absl::string_view text);
  bool ReadMore();
  bool ReadAnswer(HttpAnswer* answer);

  uint16_t port_;
  int fd_ = -1;
  std::string buffer_;
};

}  // namespace hakmem_daemon

#endif  // TESTS_DAEMON_HTTP_CLIENT_H_
