// Box:   platform.   Uses: cpu.h.   Must not know: blocks.
// Holds: text without stdio, and the end of the process.
// Locks: none.   Read next: platform/thread_hooks.h

#include "platform/die.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "hakmem.h"
#include "platform/cpu.h"

namespace hakmem::platform {

Line& Line::Text(const char* text) {
  while (*text != '\0') Put(*text++);
  return *this;
}

Line& Line::Digits(uint64_t value, unsigned base) {
  char digits[20];
  size_t count = 0;
  do {
    digits[count++] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value != 0);
  while (count > 0) Put(digits[--count]);
  return *this;
}

Line& Line::Misuse(const char* what, const void* pointer, bool freed) {
  const bool twice = freed && what[0] == 'f';  // free, of all that may be asked
  return Text(twice ? "hakmem: double " : "hakmem: invalid ")
      .Text(what)
      .Text(" of ")
      .Pointer(pointer)
      .Text(freed && !twice ? " (freed, " : " (");
}

void Line::WriteTo(int fd) {
  text_[size_++] = '\n';
  (void)WriteAll(fd, text_, size_);
  size_ = 0;
}

void Line::Report() {
  if (hak_config.on_abort == nullptr) return WriteTo(2);
  text_[size_++] = '\n';
  hak_config.on_abort(text_, size_);
}

long WriteAll(int fd, const char* text, size_t bytes) {
  while (bytes > 0) {
    const long n = Syscall(SYS_write, fd, reinterpret_cast<long>(text),
                           static_cast<long>(bytes));
    if (n == -EINTR) continue;
    if (n <= 0) return n;
    text += n;
    bytes -= static_cast<size_t>(n);
  }
  return 1;
}

// The line lies on the stack of who has called Die and will not return.
HAK_CONSTINIT static const char* g_last_words = nullptr;

const char* LastWords() {
  // acquire: pairs with the release in Die.
  return __atomic_load_n(&g_last_words, __ATOMIC_ACQUIRE);
}

__thread bool t_dying;

void Die(Line& line) {
  if (t_dying) {
    // Whoever is told of the end has come upon the damage as well. The first
    // line was the last, and the handler is not called again.
    static const uint64_t kDefaultAction[4] = {};
    (void)Syscall(SYS_rt_sigaction, SIGABRT,
                  reinterpret_cast<long>(kDefaultAction), 0, 8);
    abort();
  }
  t_dying = true;
  line.Report();
  // release: a reporter on another thread reads the text.
  __atomic_store_n(&g_last_words, line.text(), __ATOMIC_RELEASE);
  // libc's abort, not a trap: SIGABRT on every CPU, and handlers run.
  abort();
}

void Die(const char* text) {
  Line line;
  line.Text("hakmem: ").Text(text);
  Die(line);
}

}  // namespace hakmem::platform
