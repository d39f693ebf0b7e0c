// Datasets that the program pushes itself: the numbers of each batch by their last digit.
#include <millrace/millrace.hpp>

using namespace std::chrono_literals;
namespace mr = millrace;

int main() {
  mr::context sc{{.name = "QueueStream", .master = "local[2]"}};
  mr::streaming_context ssc{sc, 50ms};

  mr::rdd_queue<std::int64_t> queue;
  ssc.queue_stream(queue)
      .map([](std::int64_t i) { return std::pair{i % 10, 1}; })
      .reduce_by_key(std::plus<>{})
      .print();

  ssc.start();
  for (int i = 0; i < 5; ++i) queue.push(sc.range(1, 1001));
  ssc.await_termination_for(500ms);
  ssc.stop({.graceful = true});
}
