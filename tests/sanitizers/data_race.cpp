// Two threads write one int without an order.
#include <thread>

int value = 0;

int main() {
  std::thread first([] { value = 1; });
  std::thread second([] { value = 2; });
  first.join();
  second.join();
}
