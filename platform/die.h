// Box:   platform.   Uses: cpu.h.   Must not know: blocks.
// Holds: the one line before an abort, and the abort.
// Locks: none. What the caller holds is no obstacle to handlers of SIGABRT that
//        allocate: see IsDying.
// Read next: platform/die.cc

#ifndef HAKMEM_PLATFORM_DIE_H_
#define HAKMEM_PLATFORM_DIE_H_

#include <stddef.h>
#include <stdint.h>

namespace hakmem::platform {

// A line of text in a fixed buffer: no allocation, no stdio, async-signal-safe.
// What does not fit is cut.
class Line {
 public:
  Line& Text(const char* text);
  Line& Number(uint64_t value) { return Digits(value, 10); }
  Line& Hex(uint64_t value) { return Text("0x").Digits(value, 16); }
  Line& Pointer(const void* pointer) {
    return Hex(reinterpret_cast<uintptr_t>(pointer));
  }
  // "hakmem: invalid free of 0x1230 (": `what` was asked of a pointer that does
  // not allow it. Of what was `freed` before: "hakmem: double free of 0x1230
  // (", "hakmem: invalid realloc of 0x1230 (freed, ".
  Line& Misuse(const char* what, const void* pointer, bool freed);
  // Writes what was put so far and a newline, and starts anew.
  void WriteTo(int fd);
  // Writes it and a newline to stderr, or gives it to whom the program's
  // configuration names. The last thing that is done with it.
  void Report();
  // After either, up to the newline: what was written.
  const char* text() const { return text_; }

 private:
  Line& Digits(uint64_t value, unsigned base);
  void Put(char c) {
    if (size_ < sizeof(text_) - 1) text_[size_++] = c;
  }
  size_t size_ = 0;
  char text_[240];  // what lies beyond the size is not read
};

// Writes `bytes` to fd, all of it where the kernel lets it. Keeps errno.
// Returns 1, or what the write(2) that failed did: -errno or 0.
long WriteAll(int fd, const char* text, size_t bytes);

// The line "hakmem: ..." to stderr (or hak_config.on_abort), then SIGABRT. A
// second time in the same thread: SIGABRT without a line and without handlers.
[[noreturn]] void Die(Line& line);
[[noreturn]] void Die(const char* text);

// Does the calling thread end the process? Then it waits for no lock: it may
// hold it itself, and whoever waits is a handler of SIGABRT or on_abort.
extern __thread bool t_dying;
inline bool IsDying() { return t_dying; }

// For handlers of SIGABRT: the line that Die has written, up to its newline;
// nullptr: it was somebody else who aborted.
const char* LastWords();

}  // namespace hakmem::platform

#endif  // HAKMEM_PLATFORM_DIE_H_
