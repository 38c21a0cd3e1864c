// Holds: bytes of a file or of memory, every access checked against the end.
// Read next: elf_file.h

#ifndef HAKMEM_TOOLCHAINS_CHECK_BYTE_SOURCE_H_
#define HAKMEM_TOOLCHAINS_CHECK_BYTE_SOURCE_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace hakmem::check {

// Reads by copy and never maps: a file that somebody truncates meanwhile gives
// a short read and a sentence, not a SIGBUS.
class ByteSource {
 public:
  // A regular file of at most `limit` bytes; nullopt and a sentence otherwise.
  static std::optional<ByteSource> Open(const std::string& path, uint64_t limit,
                                        std::string* error);
  // The caller keeps `bytes` alive.
  static ByteSource Memory(std::string_view bytes);

  [[nodiscard]] uint64_t size() const { return size_; }

  // nullopt where any byte lies outside of it.
  [[nodiscard]] std::optional<ByteSource> Slice(uint64_t offset,
                                                uint64_t size) const;
  [[nodiscard]] std::optional<std::string> Read(uint64_t offset,
                                                uint64_t size) const;

  // A plain struct at `offset`, whatever its alignment there.
  template <typename T>
  [[nodiscard]] std::optional<T> ReadAs(uint64_t offset) const {
    std::optional<std::string> bytes = Read(offset, sizeof(T));
    if (!bytes.has_value()) return std::nullopt;
    T value;
    std::memcpy(&value, bytes->data(), sizeof(T));
    return value;
  }

 private:
  struct File;

  ByteSource(std::shared_ptr<const File> file, std::string_view memory,
             uint64_t offset, uint64_t size)
      : file_(std::move(file)), memory_(memory), offset_(offset), size_(size) {}

  std::shared_ptr<const File> file_;
  std::string_view memory_;
  uint64_t offset_;
  uint64_t size_;
};

}  // namespace hakmem::check

#endif  // HAKMEM_TOOLCHAINS_CHECK_BYTE_SOURCE_H_
