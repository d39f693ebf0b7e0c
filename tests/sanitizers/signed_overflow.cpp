// Adds one to the largest int.
#include <limits>

int main(int argc, char**) {
  volatile int value = std::numeric_limits<int>::max();
  value = value + argc;
  return value == 0 ? 1 : 0;
}
