#pragma once

namespace finack {

/// A node that can be in one IntrusiveList. Its destructor unlinks it.
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { unlink(); }

  bool linked() const { return next_ != nullptr; }
  void unlink() {
    if (next_ == nullptr) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    next_ = prev_ = nullptr;
  }

 private:
  template <class T>
  friend class IntrusiveList;
  ListNode* next_ = nullptr;
  ListNode* prev_ = nullptr;
};

/// A doubly linked list of objects that derive from ListNode and outlive their membership.
template <class T>
class IntrusiveList {
 public:
  IntrusiveList() { head_.next_ = head_.prev_ = &head_; }
  ~IntrusiveList() {
    while (!empty()) front().ListNode::unlink();
    head_.next_ = head_.prev_ = nullptr;
  }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;

  bool empty() const { return head_.next_ == &head_; }
  void push_back(T& item) {
    ListNode& node = item;
    node.prev_ = head_.prev_;
    node.next_ = &head_;
    head_.prev_->next_ = &node;
    head_.prev_ = &node;
  }
  void push_front(T& item) {
    ListNode& node = item;
    node.next_ = head_.next_;
    node.prev_ = &head_;
    head_.next_->prev_ = &node;
    head_.next_ = &node;
  }
  T& front() { return static_cast<T&>(*head_.next_); }
  T& back() { return static_cast<T&>(*head_.prev_); }
  /// Exactly one member.
  bool single() const { return head_.next_ == head_.prev_ && head_.next_ != &head_; }
  T& pop_front() {
    ListNode& node = *head_.next_;
    head_.next_ = node.next_;
    node.next_->prev_ = &head_;
    node.next_ = node.prev_ = nullptr;
    return static_cast<T&>(node);
  }
  /// For walks that end early: the first member, and the one after `item`; nullptr: none.
  T* first() { return empty() ? nullptr : &front(); }
  T* after(T& item) {
    ListNode& node = item;
    return node.next_ == &head_ ? nullptr : static_cast<T*>(node.next_);
  }
  /// Calls fn for each member; fn may unlink the member it is given, and no other.
  template <class Fn>
  void for_each(Fn fn) {
    for (ListNode* node = head_.next_; node != &head_;) {
      ListNode* next = node->next_;
      fn(static_cast<T&>(*node));
      node = next;
    }
  }

 private:
  ListNode head_;
};

}  // namespace finack
