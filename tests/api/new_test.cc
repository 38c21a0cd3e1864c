// Box:   tests/api.   Uses: tests/support.h, the C++ library.
// Holds: every form of operator new and delete: plain, array, nothrow, sized,
//        aligned; std::bad_alloc and the new_handler loop. glibc targets only:
//        musl comes without a C++ library.
// Read next: alloc/wrap
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "tests/support.h"

namespace {

struct alignas(64) Line {
  unsigned char bytes[64];
};
struct alignas(4096) Page {
  unsigned char bytes[4096];
};

// The compiler may drop a new whose object is not used, even with
// -fno-builtin: the standard allows it for new-expressions, so these tests
// call the operators by name and escape what they return.
void* Got(void* p, std::size_t n, std::size_t align) {
  void* const q = Escape(p);
  CHECK(q != nullptr);
  CHECK_EQ(reinterpret_cast<std::uintptr_t>(q) % align, 0);
  CHECK_GE(malloc_usable_size(q), n);
  Paint(q, n, n);
  CHECK_EQ(PaintBreak(q, n, n, n), n);
  return q;
}

void PlainForms(std::size_t n) {
  ::operator delete(Got(::operator new(n), n, 16));
  ::operator delete(Got(::operator new(n), n, 16), n);
  ::operator delete[](Got(::operator new[](n), n, 16));
  ::operator delete[](Got(::operator new[](n), n, 16), n);
  void* p = Got(::operator new(n, std::nothrow), n, 16);
  ::operator delete(p, std::nothrow);
  p = Got(::operator new[](n, std::nothrow), n, 16);
  ::operator delete[](p, std::nothrow);
}

void AlignedForms(std::size_t n, std::size_t align) {
  const auto a = static_cast<std::align_val_t>(align);
  ::operator delete(Got(::operator new(n, a), n, align), a);
  ::operator delete(Got(::operator new(n, a), n, align), n, a);
  ::operator delete[](Got(::operator new[](n, a), n, align), a);
  ::operator delete[](Got(::operator new[](n, a), n, align), n, a);
  void* p = Got(::operator new(n, a, std::nothrow), n, align);
  ::operator delete(p, a, std::nothrow);
  p = Got(::operator new[](n, a, std::nothrow), n, align);
  ::operator delete[](p, a, std::nothrow);
}

void Expressions() {
  for (int i = 0; i < 100; ++i) {
    Line* line = new Line;
    Got(line, sizeof *line, alignof(Line));
    Page* page = new Page;
    Got(page, sizeof *page, alignof(Page));
    Line* lines = new Line[7];
    Got(lines, 7 * sizeof *lines, alignof(Line));
    std::string* text = new std::string(1000, 'x');
    delete line;
    delete page;
    delete[] lines;
    delete text;
    // malloc and new share one heap: libraries mix them (strdup and delete).
    free(Got(::operator new(100), 100, 16));
    ::operator delete(Got(malloc(100), 100, 16));
  }
  ::operator delete(nullptr);
  ::operator delete[](nullptr);
  ::operator delete (nullptr, std::align_val_t{64});
}

void ZeroBytes() {
  void* a = Got(::operator new(Opaque(0)), 0, 16);
  void* b = Got(::operator new(Opaque(0)), 0, 16);
  CHECK(a != b);
  ::operator delete(a);
  ::operator delete (b, std::size_t{0});
}

int handler_calls = 0;

void GiveUpAfterThree() {
  if (++handler_calls == 3) std::set_new_handler(nullptr);
}

void ThrowOwn() { throw 42; }

// Without a handler bad_alloc; with one, it is called until it gives up.
template <typename Call>
void FailsBy(Call call) {
  std::set_new_handler(nullptr);
  bool caught = false;
  try {
    call();
  } catch (const std::bad_alloc&) {
    caught = true;
  }
  CHECK(caught);
  handler_calls = 0;
  caught = false;
  std::set_new_handler(GiveUpAfterThree);
  try {
    call();
  } catch (const std::bad_alloc&) {
    caught = true;
  }
  CHECK(caught);
  CHECK_EQ(handler_calls, 3);
  std::set_new_handler(ThrowOwn);
  int own = 0;
  try {
    call();
  } catch (int value) {
    own = value;
  }
  CHECK_EQ(own, 42);
  std::set_new_handler(nullptr);
}

void Impossible() {
  const std::size_t n = Opaque(PTRDIFF_MAX);
  const auto a = static_cast<std::align_val_t>(64);
  FailsBy([n] { Escape(::operator new(n)); });
  FailsBy([n] { Escape(::operator new[](n)); });
  FailsBy([n, a] { Escape(::operator new(n, a)); });
  FailsBy([n, a] { Escape(::operator new[](n, a)); });
  CHECK(Escape(::operator new(n, std::nothrow)) == nullptr);
  CHECK(Escape(::operator new[](n, std::nothrow)) == nullptr);
  CHECK(Escape(::operator new(n, a, std::nothrow)) == nullptr);
  // nothrow also runs the handler, and swallows what it throws.
  std::set_new_handler(GiveUpAfterThree);
  handler_calls = 0;
  CHECK(Escape(::operator new(n, std::nothrow)) == nullptr);
  CHECK_EQ(handler_calls, 3);
}

// Containers moved between threads: allocated here, grown and freed there.
void AcrossThreads() {
  std::vector<std::string> words;
  for (int i = 0; i < 5000; ++i) {
    words.push_back(std::string(static_cast<std::size_t>(i % 300), 'w'));
  }
  std::thread other([moved = std::move(words)]() mutable {
    for (auto& word : moved) word += std::string(100, 'v');
    CHECK_EQ(moved[299].size(), 399);
  });
  other.join();
}

}  // namespace

int main() {
  CheckHeapUnderTest();
  for (std::size_t n = 1; n <= (std::size_t{4} << 20); n += n / 3 + 1) {
    PlainForms(n);
    for (std::size_t align = 1; align <= 8192; align *= 2) {
      AlignedForms(n, align);
    }
  }
  Expressions();
  ZeroBytes();
  Impossible();
  AcrossThreads();
  return CheckReport("new_test");
}
