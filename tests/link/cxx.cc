// operator new in its forms, libstdc++'s own blocks, and an exception. A block
// from another heap ends it: hakmem's free refuses it.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

namespace {

struct alignas(64) Line {
  char bytes[64];
};

template <typename T>
bool Aligned(const T* p) {
  return reinterpret_cast<uintptr_t>(p) % alignof(T) == 0;
}

bool Throws() {
  try {
    std::vector<char> v(16);
    return v.at(v.size()) == 0;
  } catch (const std::exception& e) {
    return std::string(e.what()).size() > 3;
  }
}

bool RefusesTooMuch() {
  volatile size_t much = SIZE_MAX / 2;
  try {
    delete[] new char[much];
    return false;
  } catch (const std::bad_alloc&) {
    return new (std::nothrow) char[much] == nullptr;
  }
}

}  // namespace

int main() {
  int failed = 0;
  const auto line = std::make_unique<Line>();
  const auto lines = std::make_unique<Line[]>(10);
  failed += !Aligned(line.get()) + !Aligned(lines.get());
  std::string text;
  std::thread([&] { text.assign(5000, 'x'); }).join();
  failed += text.size() != 5000;
  failed += !Throws();
  failed += !RefusesTooMuch();
  std::printf("cxx: %d failed\n", failed);
  return failed;
}
