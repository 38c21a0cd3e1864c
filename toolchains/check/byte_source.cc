#include "toolchains/check/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace hakmem::check {

struct ByteSource::File {
  explicit File(int descriptor) : fd(descriptor) {}
  ~File() { close(fd); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  const int fd;
};

namespace {

bool ReadFully(int fd, uint64_t offset, std::string* out) {
  size_t done = 0;
  while (done < out->size()) {
    const ssize_t n = pread(fd, out->data() + done, out->size() - done,
                            static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

}  // namespace

std::optional<ByteSource> ByteSource::Open(const std::string& path,
                                           uint64_t limit, std::string* error) {
  // O_NONBLOCK: a pipe is refused below instead of waited for.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    *error = path + " cannot be opened: " + std::strerror(errno) + ".";
    return std::nullopt;
  }
  auto file = std::make_shared<const File>(fd);
  struct stat status;
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    *error = path + " is not a regular file.";
    return std::nullopt;
  }
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size > limit) {
    *error = path + " has " + std::to_string(size) + " bytes; more than " +
             std::to_string(limit) + " are not read.";
    return std::nullopt;
  }
  return ByteSource(std::move(file), {}, 0, size);
}

ByteSource ByteSource::Memory(std::string_view bytes) {
  return ByteSource(nullptr, bytes, 0, bytes.size());
}

std::optional<ByteSource> ByteSource::Slice(uint64_t offset,
                                            uint64_t size) const {
  if (offset > size_ || size > size_ - offset) return std::nullopt;
  return ByteSource(file_, memory_, offset_ + offset, size);
}

std::optional<std::string> ByteSource::Read(uint64_t offset,
                                            uint64_t size) const {
  if (offset > size_ || size > size_ - offset) return std::nullopt;
  if (file_ == nullptr) {
    return std::string(memory_.substr(offset_ + offset, size));
  }
  std::string out(size, '\0');
  if (!ReadFully(file_->fd, offset_ + offset, &out)) return std::nullopt;
  return out;
}

}  // namespace hakmem::check
