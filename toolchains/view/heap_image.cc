// Nothing in a file is believed before it is checked: it may come from
// anywhere. Read next: page.cc

#include "toolchains/view/heap_image.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace hakmem::view {
namespace {

// A heap that fills its window takes some 60 MiB.
constexpr uint64_t kMostBytes = uint64_t{256} << 20;
constexpr uint32_t kWindowSupers = 1u << 16;
constexpr uint32_t kWindowSlabs = kWindowSupers * dump::kSlabsPerSuper;
constexpr uint32_t kWindowUnits = kWindowSlabs * 16;
constexpr unsigned kMostBlocks = 2048;

std::optional<std::string> ReadFile(const std::string& path,
                                    std::string* error) {
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  struct stat status;
  if (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    *error = path + " is not a regular file.";
    return std::nullopt;
  }
  std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) {
    *error = path + " cannot be opened: " + std::strerror(errno) + ".";
    return std::nullopt;
  }
  if (fstat(fileno(file.get()), &status) != 0 ||
      static_cast<uint64_t>(status.st_size) > kMostBytes) {
    *error = path + " is too large for a heap image.";
    return std::nullopt;
  }
  std::string text(static_cast<size_t>(status.st_size), '\0');
  if (std::fread(&text[0], 1, text.size(), file.get()) != text.size()) {
    *error = path + " cannot be read.";
    return std::nullopt;
  }
  return text;
}

class Parser {
 public:
  Parser(const std::string& text, HeapImage* image)
      : text_(text), image_(image) {}

  // Empty: all is well. Otherwise what is wrong.
  std::string Parse() {
    std::string wrong = ParseHeader();
    size_t at = sizeof(dump::FileHeader);
    uint64_t records = 0;
    uint64_t sum = dump::Sum(dump::kSumStart, text_.data(), at);
    while (wrong.empty()) {
      dump::RecordHeader head;
      if (!Get(at, &head)) return kTruncated;
      const size_t body = at + sizeof(head);
      if (head.bytes > text_.size() - body) return kTruncated;
      if (head.bytes % 8 != 0) return "is damaged: a record of odd length";
      if (head.kind == dump::kEnd) return ParseEnd(body, head, records, sum);
      wrong = ParseRecord(head.kind, body, head.bytes);
      sum = dump::Sum(sum, text_.data() + at, sizeof(head) + head.bytes);
      at = body + head.bytes;
      ++records;
    }
    return wrong;
  }

 private:
  static constexpr char kTruncated[] =
      "is truncated: it has no end, so hak_dump did not finish";

  template <class T>
  bool Get(size_t at, T* value) const {
    if (at > text_.size() || text_.size() - at < sizeof(*value)) return false;
    std::memcpy(value, text_.data() + at, sizeof(*value));
    return true;
  }

  std::string ParseHeader() {
    dump::FileHeader& header = image_->header;
    if (text_.compare(0, sizeof(dump::kMagic), dump::kMagic,
                      sizeof(dump::kMagic)) != 0) {
      return "is not a heap image of hakmem";
    }
    if (!Get(0, &header)) return kTruncated;
    if (header.version != dump::kVersion) {
      return "is of version " + std::to_string(header.version) +
             "; this hakmem-view reads version " +
             std::to_string(dump::kVersion);
    }
    const uint32_t page = header.page_bytes;
    if (header.header_bytes != sizeof(header) || header.super_shift != 20 ||
        header.slab_shift != 16 || header.unit_shift != 12 ||
        header.classes != dump::kClassCount || page < 4096 || page > 65536 ||
        (page & (page - 1)) != 0) {
      return "is damaged: its header makes no sense";
    }
    header.variant[sizeof(header.variant) - 1] = '\0';
    return "";
  }

  std::string ParseEnd(size_t body, const dump::RecordHeader& head,
                       uint64_t records, uint64_t sum) {
    dump::EndRecord end;
    if (head.bytes != sizeof(end) || !Get(body, &end)) return kTruncated;
    if (end.records != records || end.sum != sum) {
      return "is damaged: its checksum is wrong";
    }
    if (body + sizeof(end) != text_.size()) {
      return "is damaged: there is something behind its end";
    }
    if (!has_totals_ || !has_classes_) return "is damaged: it has no totals";
    return "";
  }

  std::string ParseRecord(uint32_t kind, size_t body, uint32_t bytes) {
    bool good = true;
    switch (kind) {
      case dump::kTotals:
        good = bytes == sizeof(image_->totals) && Get(body, &image_->totals);
        has_totals_ = true;
        break;
      case dump::kClasses:
        good = bytes == sizeof(image_->classes) && Get(body, &image_->classes);
        has_classes_ = true;
        break;
      case dump::kHeap:
        good = ParseHeap(body, bytes);
        break;
      case dump::kSuper:
        good = Add(body, bytes, &image_->supers) &&
               image_->supers.back().index < kWindowSupers;
        break;
      case dump::kSlab:
        good = Add(body, bytes, &image_->slabs) && Good(image_->slabs.back());
        break;
      case dump::kSpan:
        good = Add(body, bytes, &image_->spans) && Good(image_->spans.back());
        break;
      case dump::kHuge:
        good = Add(body, bytes, &image_->huge);
        break;
      default:
        break;  // of a later hakmem
    }
    return good ? "" : "is damaged: a record makes no sense";
  }

  template <class Record>
  bool Add(size_t body, uint32_t bytes, std::vector<Record>* records) {
    records->emplace_back();
    return bytes == sizeof(Record) && Get(body, &records->back());
  }

  bool ParseHeap(size_t body, uint32_t bytes) {
    HeapOfThread heap;
    if (bytes < sizeof(heap.record) || !Get(body, &heap.record)) return false;
    const size_t count = heap.record.classes;
    if (count > dump::kClassCount ||
        bytes != sizeof(heap.record) + count * sizeof(dump::HeapClass)) {
      return false;
    }
    body += sizeof(heap.record);
    for (size_t i = 0; i < count; ++i, body += sizeof(dump::HeapClass)) {
      dump::HeapClass one;
      if (!Get(body, &one) || one.size_class >= dump::kClassCount) return false;
      heap.classes.push_back(one);
    }
    image_->heaps.push_back(heap);
    return true;
  }

  static bool Good(const dump::SlabRecord& slab) {
    return slab.index < kWindowSlabs && slab.size_class < dump::kClassCount &&
           slab.capacity <= kMostBlocks &&
           slab.live + slab.cached <= slab.capacity &&
           slab.returned <= slab.cached;
  }
  static bool Good(const dump::SpanRecord& span) {
    return span.first < kWindowUnits && span.units > 0 &&
           span.units <= kWindowUnits - span.first;
  }

  const std::string& text_;
  HeapImage* image_;
  bool has_totals_ = false;
  bool has_classes_ = false;
};

constexpr char Parser::kTruncated[];

}  // namespace

std::optional<HeapImage> ReadImage(const std::string& path,
                                   std::string* error) {
  const auto text = ReadFile(path, error);
  if (!text.has_value()) return std::nullopt;
  HeapImage image = {};
  const size_t slash = path.rfind('/');
  image.name = slash == std::string::npos ? path : path.substr(slash + 1);
  const std::string wrong = Parser(*text, &image).Parse();
  if (wrong.empty()) return image;
  *error = path + " " + wrong + ".";
  return std::nullopt;
}

}  // namespace hakmem::view
