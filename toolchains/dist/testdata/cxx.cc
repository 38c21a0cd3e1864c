#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

struct alignas(128) Aligned {
  char bytes[128];
};

int Count() {
  std::map<std::string, int> words;
  for (int i = 0; i < 1000; ++i) ++words["word " + std::to_string(i % 100)];
  return static_cast<int>(words.size());
}

}  // namespace

int main() {
  std::vector<int> counts(4);
  std::vector<std::thread> threads;
  for (int& count : counts) threads.emplace_back([&] { count = Count(); });
  for (std::thread& thread : threads) thread.join();
  for (int count : counts) {
    if (count != 100) return 1;
  }
  auto* aligned = new Aligned;
  const bool is_aligned = reinterpret_cast<std::size_t>(aligned) % 128 == 0;
  delete aligned;
  try {
    throw std::runtime_error("c++");
  } catch (const std::exception& e) {
    std::cout << e.what() << (is_aligned ? "" : ", misaligned") << "\n";
  }
  return 0;
}
