# A trading company moves in: its categories, suppliers, products, stock,
# customers and orders go through the API as any client's would, and Carmen's
# own answers then have the figures of its books.

use Carmen::Test;

my $dump = "$Carmen::Cluster::ROOT/../shared/data/northwind.sql";
plan(skip_all => "the data is not here: $dump") if !-e $dump;

my $t = Carmen::Test->new;
my $books = $t->cluster->database(empty => 1);
$books->psql('-f', $dump);

my $admin = $t->client(sub => 'administrator', scope => 'catalog:read'
    . ' catalog:write inventory:read inventory:write users:read users:write');
my $desk = $t->client(sub => 'migration', scope => 'orders:read orders:write'
    . ' orders:manage orders:price');
my (%category, %brand, %product, %customer);


sub made
{
    my ($client, $path, $key, $json) = @_;
    my $answer = $client->post("/api/v1/$path", key => "northwind-$key",
                               json => $json);
    die "$path $key: " . $answer->status . ' ' . $answer->body
        if $answer->status != 201;
    return $answer->json;
}


sub money { return { amount => $_[0] + 0, currency => 'USD' } }


subtest 'the catalog' => sub {
    for my $row ($books->rows('SELECT * FROM categories')) {
        $category{ $row->{category_id} } = made($admin, 'categories',
            "category-$row->{category_id}",
            { name => $row->{category_name},
              description => $row->{description} })->{categoryId};
    }
    for my $row ($books->rows('SELECT * FROM suppliers')) {
        $brand{ $row->{supplier_id} } = made($admin, 'brands',
            "supplier-$row->{supplier_id}",
            { name => $row->{company_name} })->{brandId};
    }
    for my $row ($books->rows('SELECT *, round(unit_price::numeric * 100)
        AS cents FROM products'))
    {
        $product{ $row->{product_id} } = made($admin, 'products',
            "product-$row->{product_id}", {
                name => $row->{product_name}, status => 'active',
                categoryId => $category{ $row->{category_id} },
                brandId => $brand{ $row->{supplier_id} },
                attributes => { unit => $row->{quantity_per_unit} },
                variants => [ { sku => "$row->{product_id}",
                                price => money($row->{cents}) } ],
            })->{productId};
    }

    is(scalar @{ list_all($admin, '/api/v1/categories?limit=5') }, 8,
       '8 categories');
    is(scalar @{ list_all($admin, '/api/v1/brands?limit=10') }, 29,
       '29 suppliers are brands');
    is(scalar @{ list_all($admin, '/api/v1/products?limit=50') }, 77,
       '77 products');
    is(scalar @{ list_all($admin,
        "/api/v1/products?categoryId=$category{1}") },
       $books->sql('SELECT count(*) FROM products WHERE category_id = 1'),
       'the beverages');
};


# What is left after all the orders is units_in_stock: what there was before
# is that and all that was ordered.

subtest 'stock' => sub {
    made($admin, 'ship-nodes', 'node',
         { id => 'NW', name => 'Northwind', timeZone => 'America/New_York' });

    my @lines = map { {
        itemId => "$_->{product_id}", shipNode => 'NW',
        delta => $_->{before} + 0 } }
        $books->rows('SELECT p.product_id, p.units_in_stock
            + (SELECT coalesce(sum(d.quantity), 0) FROM order_details d
                WHERE d.product_id = p.product_id) AS before
            FROM products p');
    my $done = $admin->post('/api/v1/inventory/adjustments',
        key => 'northwind-stock',
        json => { reason => 'opening', lines => \@lines });
    is($done->status, 200, 'the opening stock');
    is(scalar @{ $done->json->{items} }, 77, 'of every product');
};


subtest 'customers' => sub {
    for my $row ($books->rows('SELECT * FROM customers')) {
        $customer{ $row->{customer_id} } = made($admin, 'users',
            "customer-$row->{customer_id}", {
                externalRef => $row->{customer_id},
                company => $row->{company_name},
                displayName => $row->{contact_name},
                phone => $row->{phone},
                profile => { map { $_ => $row->{$_} }
                    qw(address city region postal_code country) },
            })->{userId};
    }
    is(scalar keys %customer, 91, '91 customers');
    is(scalar @{ list_all($admin, '/api/v1/users?limit=40') }, 91,
       'are listed');
};


subtest 'orders' => sub {
    my %lines;
    for my $row ($books->rows('SELECT *,
        round(unit_price::numeric * 100) AS cents,
        round(discount::numeric, 2) AS share
        FROM order_details ORDER BY order_id, product_id'))
    {
        push @{ $lines{ $row->{order_id} } }, {
            itemId => "$row->{product_id}", quantity => $row->{quantity} + 0,
            unitPrice => money($row->{cents}),
            discount => $row->{share} + 0,
        };
    }

    my $placed = 0;
    for my $row ($books->rows(q{SELECT *,
        to_char(order_date, 'YYYY-MM-DD"T"00:00:00"Z"') AS ordered,
        round(freight::numeric * 100) AS cents FROM orders ORDER BY order_id}))
    {
        my $order = made($desk, 'orders', "order-$row->{order_id}", {
            currency => 'USD', externalRef => "$row->{order_id}",
            customerId => $customer{ $row->{customer_id} },
            orderedAt => $row->{ordered}, freight => money($row->{cents}),
            lines => $lines{ $row->{order_id} },
        });
        $placed += @{ $order->{lines} };
    }
    is($placed, 2155, '2,155 lines are ordered');

    my $again = $desk->post('/api/v1/orders', key => 'another',
        json => { currency => 'USD', externalRef => '10248',
                  lines => [ { itemId => '11', quantity => 1 } ] });
    problem_is($again, 409, 'conflict', 'an order moves in once');
};


subtest 'the books' => sub {
    my %sum;
    my $orders = list_all($desk, '/api/v1/orders?limit=100');
    for my $order (@$orders) {
        $sum{$_} += $order->{totals}{$_} for qw(gross net freight discount);
    }
    is(scalar @$orders, 830, '830 orders are listed');
    is($sum{gross}, 135445859, 'gross 1,354,458.59');
    is($sum{net}, 126579329, 'net 1,265,793.29');
    is($sum{freight}, 6494269, 'freight 64,942.69');
    json_is($desk->get('/api/v1/orders/summary'), 200, { items => [ {
        currency => 'USD', count => 830, gross => 135445859,
        discount => 8866530, net => 126579329, freight => 6494269,
        total => 126579329 + 6494269 } ] }, 'the summary says the same');

    json_is($desk->get('/api/v1/orders/summary'
        . '?orderedFrom=1997-01-01T00:00:00Z&orderedTo=1998-01-01T00:00:00Z'),
        200, { items => [ { count => $books->sql(q{SELECT count(*)
            FROM orders WHERE order_date >= '1997-01-01'
             AND order_date < '1998-01-01'}) } ] }, 'of a year');
    my $quick = list_all($desk,
        "/api/v1/orders?customerId=$customer{QUICK}&sort=orderedAt");
    is(join(' ', map { $_->{externalRef} } @$quick),
       join(' ', $books->sql(q{SELECT order_id FROM orders
           WHERE customer_id = 'QUICK' ORDER BY order_date, order_id})),
       'of a customer, in time');
};


subtest 'stock after all' => sub {
    my $stock = list_all($admin, '/api/v1/inventory?limit=25');
    my %left = map { $_->{itemId} => $_ } @$stock;
    my @wrong = grep { $left{ $_->{product_id} }{available}
                       != $_->{units_in_stock} }
        $books->rows('SELECT product_id, units_in_stock FROM products');
    is(scalar @$stock, 77, 'of 77 products');
    is(scalar @wrong, 0, 'what is available is units_in_stock')
        or diag(explain(\@wrong));

    @wrong = ();
    for my $item (sort keys %left) {
        my $moved = 0;
        $moved += $_->{delta} for list_all($admin,
            "/api/v1/inventory/$item/nodes/NW/movements");
        push @wrong, "$item: $moved" if $moved != $left{$item}{quantity};
    }
    is_deeply(\@wrong, [], 'every quantity is what its movements say');
    is(scalar @{ list_all($admin, '/api/v1/inventory/inconsistencies') }, 0,
       'and no figure contradicts another');
};

$books->drop;

done_testing;
