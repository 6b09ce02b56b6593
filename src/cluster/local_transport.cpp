#include "cluster/local_transport.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

namespace fasweep {
namespace {

/// What the endpoints share: a mailbox for each rank, the broadcast text, and the numbers of smallest().
struct Mailboxes {
  explicit Mailboxes(int size) : boxes(static_cast<std::size_t>(size)) {}

  std::mutex mutex;
  std::condition_variable text_set;
  std::vector<std::deque<Message>> boxes;
  std::optional<std::string> text;
  std::condition_variable numbers_set;
  std::vector<int> numbers;  // of the ranks that have come so far
  int smallest = 0;          // of the last time that all had come
  int times = 0;             // that all have come
};

class LocalTransport final : public Transport {
 public:
  // Shared, because endpoints end in any order.
  LocalTransport(int rank, std::shared_ptr<Mailboxes> mailboxes) : rank_(rank), mailboxes_(std::move(mailboxes)) {}

  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return static_cast<int>(mailboxes_->boxes.size()); }

  void send(int to, Bytes body) override {
    const std::lock_guard lock(mailboxes_->mutex);
    mailboxes_->boxes[static_cast<std::size_t>(to)].push_back({rank_, std::move(body)});
  }

  [[nodiscard]] std::optional<Message> receive() override {
    const std::lock_guard lock(mailboxes_->mutex);
    std::deque<Message>& box = mailboxes_->boxes[static_cast<std::size_t>(rank_)];
    if (box.empty()) {
      return std::nullopt;
    }
    Message message = std::move(box.front());
    box.pop_front();
    return message;
  }

  void set_farewell(Farewell, int) override {}

  std::string broadcast_text(std::string text) override {
    std::unique_lock lock(mailboxes_->mutex);
    if (rank_ == 0) {
      mailboxes_->text = std::move(text);
      mailboxes_->text_set.notify_all();
    }
    mailboxes_->text_set.wait(lock, [&] { return mailboxes_->text.has_value(); });
    return *mailboxes_->text;
  }

  [[nodiscard]] int smallest(int number) override {
    std::unique_lock lock(mailboxes_->mutex);
    const int before = mailboxes_->times;
    mailboxes_->numbers.push_back(number);
    if (mailboxes_->numbers.size() == mailboxes_->boxes.size()) {
      mailboxes_->smallest = *std::ranges::min_element(mailboxes_->numbers);
      mailboxes_->numbers.clear();
      ++mailboxes_->times;
      mailboxes_->numbers_set.notify_all();
    }
    mailboxes_->numbers_set.wait(lock, [&] { return mailboxes_->times != before; });
    return mailboxes_->smallest;
  }

  [[nodiscard]] int node_rank() const override { return 0; }
  [[nodiscard]] int node_size() const override { return 1; }
  [[nodiscard]] std::string broadcast_in_node(std::string text) override { return text; }

  [[nodiscard]] bool must_poll() const override { return size() > 1; }

 private:
  int rank_;
  std::shared_ptr<Mailboxes> mailboxes_;
};

}  // namespace

std::vector<std::unique_ptr<Transport>> make_local_transports(int size) {
  const auto mailboxes = std::make_shared<Mailboxes>(size);
  std::vector<std::unique_ptr<Transport>> endpoints;
  endpoints.reserve(static_cast<std::size_t>(size));
  for (int rank = 0; rank < size; ++rank) {
    endpoints.push_back(std::make_unique<LocalTransport>(rank, mailboxes));
  }
  return endpoints;
}

std::unique_ptr<Transport> make_single_transport() {
  return std::move(make_local_transports(1).front());
}

}  // namespace fasweep
