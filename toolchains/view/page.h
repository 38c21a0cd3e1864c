// Heap images as text and as one HTML page that needs nothing else.
// Read next: page.html

#ifndef HAKMEM_TOOLCHAINS_VIEW_PAGE_H_
#define HAKMEM_TOOLCHAINS_VIEW_PAGE_H_

#include <string>

#include "toolchains/view/heap_image.h"

namespace hakmem::view {

// `before` may be nullptr; with it the page says what has changed since.
std::string AsPage(const HeapImage& image, const HeapImage* before);

// The gauges, and by class what the slabs in the image add up to.
std::string AsText(const HeapImage& image);

}  // namespace hakmem::view

#endif  // HAKMEM_TOOLCHAINS_VIEW_PAGE_H_
