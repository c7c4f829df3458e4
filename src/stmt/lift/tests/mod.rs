mod random;
mod registers;
mod rules;
mod sets;
