#include <millrace/millrace.hpp>

using namespace std::chrono_literals;
namespace mr = millrace;

int main() {
  mr::context sc{{.name = "NetworkWordCount", .master = "local[2]"}};
  mr::streaming_context ssc{sc, 1s};

  auto counts = ssc.socket_text_stream("localhost", 9999)
                    .flat_map(mr::split(' '))
                    .map([](std::string_view word) { return std::pair{word, 1}; })
                    .reduce_by_key(std::plus<>{});
  counts.print();

  ssc.start();
  ssc.await_termination();
}
