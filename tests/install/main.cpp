#include <millrace/millrace.hpp>

#include <functional>

int main() {
  millrace::context sc{{.name = "user_of_millrace", .master = "local[2]"}};
  return sc.range(1, 5).reduce(std::plus<>{}) == 10 ? 0 : 1;
}
