//! Rectangles on a die or a package.

use base::units::{Millimetres, SquareMillimetres};

/// An upright rectangle, placed by its lower left corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rectangle {
    /// Left edge.
    pub x: Millimetres,
    /// Lower edge.
    pub y: Millimetres,
    /// Extent to the right.
    pub width: Millimetres,
    /// Extent upwards.
    pub height: Millimetres,
}

impl Rectangle {
    /// A rectangle from millimetres.
    pub fn new(x: f64, y: f64, width: f64, height: f64) -> Rectangle {
        Rectangle { x: Millimetres(x), y: Millimetres(y), width: Millimetres(width), height: Millimetres(height) }
    }

    /// Its area.
    pub fn area(&self) -> SquareMillimetres {
        self.width * self.height
    }

    /// Right edge.
    pub fn right(&self) -> Millimetres {
        self.x + self.width
    }

    /// Upper edge.
    pub fn top(&self) -> Millimetres {
        self.y + self.height
    }

    /// The same rectangle, moved.
    pub fn moved(&self, x: Millimetres, y: Millimetres) -> Rectangle {
        Rectangle { x: self.x + x, y: self.y + y, ..*self }
    }

    /// True if the point lies inside; the left and lower edges belong to it.
    pub fn contains(&self, x: Millimetres, y: Millimetres) -> bool {
        self.x <= x && x < self.right() && self.y <= y && y < self.top()
    }

    /// The area that two rectangles share.
    pub fn shared(&self, other: &Rectangle) -> SquareMillimetres {
        let extent = |low: f64, high: f64| Millimetres((high - low).max(0.0));
        let across = extent(self.x.0.max(other.x.0), self.right().0.min(other.right().0));
        let up = extent(self.y.0.max(other.y.0), self.top().0.min(other.top().0));
        across * up
    }
}
