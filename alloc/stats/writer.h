// Box:   stats.   Uses: platform.   Must not know: what is written.
// Holds: text and numbers on their way to a sink, without stdio.
// Locks: none.   Read next: alloc/stats/report.cc

#ifndef HAKMEM_ALLOC_STATS_WRITER_H_
#define HAKMEM_ALLOC_STATS_WRITER_H_

#include <cstddef>
#include <cstdint>

#include "alloc/stats/report.h"
#include "platform/cpu.h"

namespace hakmem::stats {

// A small buffer in front of a sink.
class Writer {
 public:
  explicit Writer(Sink sink) : sink_(sink) {}
  ~Writer() { Flush(); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  HAK_NOINLINE Writer& Text(const char* text) {
    for (; *text != '\0'; ++text) {
      if (size_ == sizeof(buffer_)) Flush();
      buffer_[size_++] = *text;
    }
    return *this;
  }
  HAK_NOINLINE Writer& Number(uint64_t value) {
    char digits[21];
    char* p = digits + sizeof(digits) - 1;
    *p = '\0';
    do {
      *--p = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    return Text(p);
  }
  // ,"name":value
  Writer& Pair(const char* name, uint64_t value) {
    return Text(",\"").Text(name).Text("\":").Number(value);
  }

 private:
  void Flush() {
    if (size_ > 0) sink_.write(sink_.context, buffer_, size_);
    size_ = 0;
  }
  Sink sink_;
  size_t size_ = 0;
  char buffer_[512];
};

}  // namespace hakmem::stats

#endif  // HAKMEM_ALLOC_STATS_WRITER_H_
