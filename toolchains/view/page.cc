// The numbers of an image as JSON, put into page.html, which draws them.
// Read next: page.html

#include "toolchains/view/page.h"

#include <cinttypes>
#include <cstdio>

#include "toolchains/view/page_html.h"

namespace hakmem::view {
namespace {

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const unsigned char byte = static_cast<unsigned char>(c);
    // Also what could end the script, and what need not be UTF-8.
    if (byte < 32 || byte > 126 || c == '"' || c == '\\' || c == '<') {
      char code[8];
      std::snprintf(code, sizeof(code), "\\u%04x", byte);
      out += code;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string Hex(uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof(text), "\"0x%" PRIx64 "\"", value);
  return text;
}

// A JSON array, element by element.
class Array {
 public:
  Array& Raw(const std::string& element) {
    text_ += first_ ? "" : ",";
    text_ += element;
    first_ = false;
    return *this;
  }
  Array& Number(uint64_t value) { return Raw(std::to_string(value)); }
  std::string End() const { return text_ + "]"; }

 private:
  std::string text_ = "[";
  bool first_ = true;
};

std::string Classes(const HeapImage& image) {
  Array all;
  for (const dump::ClassTotals& c : image.classes) {
    Array one;
    one.Number(c.stride).Number(c.slabs).Number(c.used).Number(c.cached);
    all.Raw(one.Number(c.refilled).Number(c.flushed).End());
  }
  return all.End();
}

std::string Heaps(const HeapImage& image) {
  Array all;
  for (const HeapOfThread& heap : image.heaps) {
    Array classes;
    for (const dump::HeapClass& c : heap.classes) {
      Array one;
      one.Number(c.size_class).Number(c.slabs).Number(c.used);
      classes.Raw(one.Number(c.cached).End());
    }
    Array one;
    one.Number(heap.record.id).Number(heap.record.idle);
    one.Number(heap.record.dirty_bytes).Number(heap.record.used_bytes);
    all.Raw(one.Raw(classes.End()).End());
  }
  return all.End();
}

std::string Supers(const HeapImage& image) {
  Array all;
  for (const dump::SuperRecord& super : image.supers) {
    Array kinds;
    for (const int8_t kind : super.kind) kinds.Raw(std::to_string(kind));
    Array one;
    one.Number(super.index).Number(super.pool_free).Number(super.pool_clean);
    all.Raw(one.Number(super.guards).Raw(kinds.End()).End());
  }
  return all.End();
}

std::string Slabs(const HeapImage& image) {
  Array all;
  for (const dump::SlabRecord& slab : image.slabs) {
    Array one;
    one.Number(slab.index).Number(slab.heap).Number(slab.size_class);
    one.Number(slab.flags).Number(slab.stride_units * 16u);
    one.Number(slab.first_units * 16u).Number(slab.capacity);
    one.Number(slab.live).Number(slab.cached).Number(slab.damaged);
    one.Number(slab.clean_pages).Number(slab.returned);
    std::string shares;
    for (const uint8_t* cells : {slab.live_share, slab.cached_share}) {
      for (unsigned i = 0; i < dump::kCells; ++i) {
        char digits[3];
        std::snprintf(digits, sizeof(digits), "%02x", cells[i]);
        shares += digits;
      }
    }
    all.Raw(one.Raw(Quoted(shares)).End());
  }
  return all.End();
}

std::string Large(const HeapImage& image) {
  Array spans;
  for (const dump::SpanRecord& span : image.spans) {
    Array one;
    one.Number(span.first).Number(span.units).Number(span.state);
    spans.Raw(one.Number(span.color).End());
  }
  Array all;
  for (const dump::HugeRecord& huge : image.huge) {
    Array one;
    all.Raw(one.Raw(Hex(huge.address)).Number(huge.bytes).End());
  }
  return "\"spans\":" + spans.End() + ",\n\"huge\":" + all.End();
}

std::string AsJson(const HeapImage& image) {
  std::string totals = "{";
  for (unsigned i = 0; i < dump::kTotalCount; ++i) {
    totals += i == 0 ? "\"" : ",\"";
    totals += dump::kTotalNames[i];
    totals += "\":" + std::to_string(image.totals.value[i]);
  }
  return "{\"name\":" + Quoted(image.name) +
         ",\"variant\":" + Quoted(image.header.variant) +
         ",\"pid\":" + std::to_string(image.header.pid) +
         ",\"page\":" + std::to_string(image.header.page_bytes) +
         ",\"base\":" + Hex(image.header.window_base) +
         ",\n\"totals\":" + totals + "},\n\"classes\":" + Classes(image) +
         ",\n\"heaps\":" + Heaps(image) + ",\n\"supers\":" + Supers(image) +
         ",\n\"slabs\":" + Slabs(image) + ",\n" + Large(image) + "}";
}

// What slabs of a class add up to.
struct SlabSums {
  uint64_t slabs = 0;
  uint64_t live = 0;
  uint64_t cached = 0;
  uint64_t damaged = 0;
};

}  // namespace

std::string AsPage(const HeapImage& image, const HeapImage* before) {
  constexpr char kMark[] = "/*DATA*/null";
  std::string page = kPageHtml;
  const std::string data = "{\"now\":" + AsJson(image) + ",\n\"before\":" +
                           (before != nullptr ? AsJson(*before) : "null") + "}";
  page.replace(page.find(kMark), sizeof(kMark) - 1, data);
  return page;
}

std::string AsText(const HeapImage& image) {
  std::string out = std::string("hakmem ") + image.header.variant + ", pid " +
                    std::to_string(image.header.pid) + "\n";
  for (unsigned i = 0; i < dump::kTotalCount; ++i) {
    out += std::string(dump::kTotalNames[i]) + " " +
           std::to_string(image.totals.value[i]) + "\n";
  }
  SlabSums sums[dump::kClassCount];
  for (const dump::SlabRecord& slab : image.slabs) {
    SlabSums& sum = sums[slab.size_class];
    ++sum.slabs;
    sum.live += slab.live;
    // Of an orphan nobody needs to take them back before they are free.
    sum.cached += slab.cached - (slab.heap == 0 ? slab.returned : 0);
    sum.damaged += slab.damaged;
  }
  for (unsigned c = 0; c < dump::kClassCount; ++c) {
    const SlabSums& sum = sums[c];
    if (sum.slabs == 0) continue;
    out += "class " + std::to_string(image.classes[c].stride) + ": slabs " +
           std::to_string(sum.slabs) + ", live " + std::to_string(sum.live) +
           ", cached " + std::to_string(sum.cached);
    if (sum.damaged > 0) out += ", damaged " + std::to_string(sum.damaged);
    out += "\n";
  }
  return out;
}

}  // namespace hakmem::view
