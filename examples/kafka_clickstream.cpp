// Clicks ("user page milliseconds" a line) are counted by page over a window that slides, and
// written to a topic; lines that are no click go to a topic of their own, with the reason as a
// header. kafka_clickstream BROKERS CLICKS COUNTS DEAD_LETTERS [--checkpoint DIRECTORY]…
#include <millrace/kafka.hpp>
#include <millrace/millrace.hpp>

#include <charconv>
#include <iostream>
#include <vector>

using namespace std::chrono_literals;
namespace mr = millrace;

struct click {
  std::string_view user, page;
  int milliseconds = 0;
};

std::optional<click> parse(std::string_view line) {
  std::vector<std::string_view> words;
  for (const std::string_view word : mr::words()(line)) words.push_back(word);
  if (words.size() != 3) return std::nullopt;
  click c{words[0], words[1]};
  const char* const end = words[2].data() + words[2].size();
  if (std::from_chars(words[2].data(), end, c.milliseconds).ptr != end) return std::nullopt;
  return c;
}

int main(int argc, char** argv) {
  if (argc < 5) {
    std::cerr << "usage: kafka_clickstream BROKERS CLICKS COUNTS DEAD_LETTERS\n";
    return 2;
  }
  const std::string brokers = argv[1];
  const std::string clicks = argv[2];
  const std::string counts = argv[3];
  const std::string dead = argv[4];
  return mr::launch(
      argc, argv, {.name = "KafkaClickstream", .batch = 500ms}, [&](mr::streaming_context& ssc) {
        auto records = ssc.stream(
            mr::kafka::topics{.brokers = brokers, .names = {clicks}, .start = mr::kafka::earliest});
        records
            .flat_map(
                [](const mr::kafka::record& r, mr::emit<std::pair<std::string_view, int>>& out) {
                  if (const auto c = parse(r.value)) out({c->page, 1});
                })
            .reduce_by_key_and_window(std::plus<>{}, {.length = 10s, .slide = 1s})
            .named("pages")
            .write(mr::kafka::topic{.brokers = brokers, .name = counts});
        records.filter([](const mr::kafka::record& r) { return !parse(r.value).has_value(); })
            .map([](const mr::kafka::record& r) {
              return mr::kafka::message{.value = std::string(r.value),
                                        .headers = {{"reason", "not: user page milliseconds"},
                                                    {"offset", std::to_string(r.offset)}}};
            })
            .named("dead letters")
            .write(mr::kafka::topic{.brokers = brokers, .name = dead});
      });
}
