// Counts the words of a topic, batch by batch, and writes the counts to another, exactly once.
// kafka_word_count BROKERS FROM TO [--checkpoint DIRECTORY]…
#include <millrace/kafka.hpp>
#include <millrace/millrace.hpp>

#include <iostream>

using namespace std::chrono_literals;
namespace mr = millrace;

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: kafka_word_count BROKERS FROM TO [--checkpoint DIRECTORY]\n";
    return 2;
  }
  const std::string brokers = argv[1];
  const std::string from = argv[2];
  const std::string to = argv[3];
  return mr::launch(
      argc - 3, argv + 3, {.name = "KafkaWordCount", .batch = 200ms},
      [&](mr::streaming_context& ssc) {
        ssc.stream(
               mr::kafka::topics{.brokers = brokers, .names = {from}, .start = mr::kafka::earliest})
            .map([](const mr::kafka::record& r) { return r.value; })
            .flat_map(mr::words())
            .map([](std::string_view word) { return std::pair{word, 1}; })
            .reduce_by_key(std::plus<>{})
            .write(mr::kafka::topic{.brokers = brokers, .name = to});
      });
}
