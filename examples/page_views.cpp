// A click generator, and what one asks of clicks while they come.
#include <millrace/millrace.hpp>

#include <random>
#include <thread>

using namespace std::chrono_literals;
namespace mr = millrace;

struct view {
  std::string url;
  int status;
  int zip;
  int user;
};

struct clicks : mr::receiver<view> {
  void on_start() override {
    thread_ = std::thread([this] {
      std::mt19937 chance(1);
      const char* const pages[] = {"/", "/news", "/contact"};
      while (!is_stopped()) {
        for (int i = 0; i < 50; ++i) {
          const auto one = chance();
          const int zip = one % 2 == 0 ? 94709 : 94117;
          const int status = one % 100 < (zip == 94709 ? 5U : 20U) ? 404 : 200;
          if (!store({pages[one / 100 % 3], status, zip, static_cast<int>(one / 300 % 100)}))
            return;
        }
        std::this_thread::sleep_for(5ms);
      }
    });
  }
  void on_stop() override { thread_.join(); }

 private:
  std::thread thread_;
};

int main(int argc, char** argv) {
  return mr::launch(
      argc, argv, {.name = "PageViews", .master = "local[2]", .batch = 250ms},
      [](mr::streaming_context& ssc) {
        const auto views = ssc.receiver_stream(clicks{});
        views.cache();
        // How often is each page seen?
        views.map(&view::url).count_by_value().print();
        // The same over the last second.
        views.map(&view::url).count_by_value_and_window({.length = 1s, .slide = 250ms}).print();
        // Which share of views fails, by place? (Where any does more than it should.)
        views.map([](const view& v) { return std::pair{v.zip, std::pair{v.status != 200, 1}}; })
            .map_values([](const auto& v) { return std::pair{int{v.first}, v.second}; })
            .reduce_by_key([](const auto& a, const auto& b) {
              return std::pair{a.first + b.first, a.second + b.second};
            })
            .map_values([](const auto& sum) { return 1.0 * sum.first / sum.second; })
            .filter([](const auto& place) { return place.second > 0.05; })
            .print();
        // How many users were there in the last second?
        views.map(&view::user)
            .window({.length = 1s, .slide = 250ms})
            .transform([](const mr::rdd<int>& users) { return users.distinct(); })
            .count()
            .print();
        // Who are the users? A join with a dataset that is no stream.
        const auto names = ssc.context().parallelize<std::pair<int, std::string>>(
            {{1, "Ada"}, {2, "Grace"}, {3, "Edsger"}});
        views.map([](const view& v) { return std::pair{v.user, v.url}; })
            .transform([names](const mr::rdd<std::pair<int, std::string>>& seen) {
              return seen.join(names).map([](const auto& row) { return row.second; });
            })
            .print(3);
      });
}
