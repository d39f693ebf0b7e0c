// Reads one element past a heap array.
#include <cstddef>
#include <vector>

int main(int argc, char**) {
  std::vector<int> values(8, 1);
  const volatile std::size_t past_the_end = values.size() + static_cast<std::size_t>(argc) - 1;
  return values.data()[past_the_end] == 0 ? 0 : 1;
}
