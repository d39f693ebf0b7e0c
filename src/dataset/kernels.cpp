#include "dataset/kernels.hpp"

#include <cstdlib>
#include <string_view>

#include "millrace/detail/dataset/arena.hpp"

namespace millrace::detail {

namespace portable {
extern const kernel_set set;
}
#if defined(__x86_64__)
namespace avx2 {
extern const kernel_set set;
}
#endif

const kernel_set& portable_kernels() { return portable::set; }

const kernel_set* avx2_kernels() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
      __builtin_cpu_supports("bmi2"))
    return &avx2::set;
#endif
  return nullptr;
}

const kernel_set& kernels() {
  static const kernel_set& chosen = []() -> const kernel_set& {
    const char* wish = std::getenv("MILLRACE_KERNELS");
    const bool portable_only = wish != nullptr && std::string_view(wish) == "portable";
    const kernel_set* best = portable_only ? nullptr : avx2_kernels();
    return best != nullptr ? *best : portable_kernels();
  }();
  return chosen;
}

const char* copy_text(arena* texts, const char* bytes, std::size_t n) {
  return texts->copy(bytes, n);
}

}  // namespace millrace::detail
