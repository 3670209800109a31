"""What the emulator serves, noun by noun."""

from partnercenter_async.emulator.nouns import customers, migrations, orders, products, subscriptions

ROUTES = (
    *customers.ROUTES,
    *orders.ROUTES,
    *migrations.ROUTES,
    *subscriptions.ROUTES,
    *products.ROUTES,
)
