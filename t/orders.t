# Orders, as those meet them who buy, sell and look after them.

use JSON::PP ();

use Carmen::Test;

my $t = Carmen::Test->new;
my $admin = $t->client(sub => 'admin', scope => 'catalog:read catalog:write'
    . ' inventory:read inventory:write inventory:reserve');
my $anna = $t->client(sub => 'anna', scope => 'orders:read orders:write'
    . ' inventory:reserve');
my $bert = $t->client(sub => 'bert', scope => 'orders:read orders:write');
my $sales = $t->client(sub => 'sally', scope => 'orders:read orders:write'
    . ' orders:manage orders:price inventory:reserve');
my $foreign = $t->client(sub => 'anna', tenant => 'elsewhere',
    scope => 'orders:read orders:write orders:manage');
my $key = 0;

sub key { return 'k-' . ++$key }


sub product
{
    my ($sku, $amount, %more) = @_;
    my $made = $admin->post('/api/v1/products', key => key(), json => {
        name => "Product $sku", variants => [ { sku => $sku,
            $amount ? (price => { amount => $amount, currency => 'EUR' }) : ()
        } ] });
    die $made->body if $made->status != 201;
    my $id = $made->json->{productId};
    my $done = $admin->post("/api/v1/products/$id/publish");
    die $done->body if $amount && $done->status != 200;
    return $id;
}


sub stock
{
    my ($sku, $node, $quantity) = @_;
    my $done = $admin->put("/api/v1/inventory/$sku/nodes/$node",
                           json => { quantity => $quantity });
    die $done->body if $done->status > 201;
}


sub reserved
{
    my ($sku, $node) = @_;
    return $admin->get("/api/v1/inventory/$sku/nodes/$node")
        ->json->{reserved};
}


sub place
{
    my ($client, $lines, %more) = @_;
    return $client->post('/api/v1/orders', key => $more{key} // key(),
        json => { currency => 'EUR', lines => [ map { {
            itemId => $_->[0], quantity => $_->[1], %{ $_->[2] // {} } } }
            @$lines ], %{ $more{json} // {} } });
}


for my $node (qw(HAM MUC)) {
    $admin->post('/api/v1/ship-nodes', key => key(),
                 json => { id => $node, name => $node });
}
my $tea = product('TEA', 1999);
product('CUP', 750);
product('POT', 4200);
product('DRAFT', 0);
stock('TEA', 'HAM', 100);
stock('CUP', 'HAM', 10);
stock('CUP', 'MUC', 20);
stock('POT', 'MUC', 5);


subtest 'an order' => sub {
    my $made = place($anna, [ [ TEA => 2 ], [ CUP => 1 ] ], key => 'first',
                     json => { note => "For \"Ada\" \x{263a}" });
    my $order = json_is($made, 201, {
        status => 'placed', paymentStatus => 'pending', customerId => 'anna',
        placedBy => 'anna', currency => 'EUR', reservationId => undef,
        version => 1, note => "For \"Ada\" \x{263a}",
        totals => { gross => 4748, discount => 0, net => 4748, freight => 0,
                    total => 4748, currency => 'EUR' },
        lines => [
            { line => 1, itemId => 'TEA', quantity => 2,
              unitPrice => { amount => 1999, currency => 'EUR' },
              net => { amount => 3998, currency => 'EUR' },
              allocated => 2, shipped => 0,
              allocations => [ { shipNode => 'HAM', quantity => 2 } ] },
            { line => 2, itemId => 'CUP', quantity => 1,
              allocations => [ { shipNode => 'HAM', quantity => 1 } ] } ] });
    uuid_ok($order->{orderId});
    is($made->header('location'), "/api/v1/orders/$order->{orderId}",
       'Location');

    my $path = "/api/v1/orders/$order->{orderId}";
    is_deeply($anna->get($path)->json, $order, 'read as it was placed');
    is(reserved('TEA', 'HAM'), 2, 'its stock is reserved');

    my $again = place($anna, [ [ TEA => 2 ], [ CUP => 1 ] ], key => 'first',
                      json => { note => "For \"Ada\" \x{263a}" });
    is($again->status, 201, 'the same key again');
    is($again->body, $made->body, 'the same answer, byte for byte');
    is(reserved('TEA', 'HAM'), 2, 'and nothing more');
    problem_is(place($anna, [ [ TEA => 3 ] ], key => 'first'), 422,
        'idempotency-mismatch');
    problem_is($anna->post('/api/v1/orders', json => { currency => 'EUR' }),
        400, 'idempotency-key-required');

    problem_is($bert->get($path), 404, 'not-found');
    problem_is($bert->post("$path/cancel"), 404, 'not-found');
    problem_is($bert->get("$path/timeline"), 404, 'not-found');
    problem_is($foreign->get($path), 404, 'not-found');
    json_is($sales->get($path), 200, { customerId => 'anna' });

    is($t->sql(q{SELECT count(*) FROM core.event
        WHERE type = 'com.carmen.orders.order.created.v1' AND subject = ?
          AND sequence = 1}, $order->{orderId}), 1, 'an event');
    is($t->sql(q{SELECT employee_id FROM core.audit
        WHERE reference_type = 'order' AND reference_value = ?},
        $order->{orderId}), 'anna', 'and the audit');
};


subtest 'what cannot be ordered' => sub {
    my $short = problem_is(place($anna, [ [ TEA => 1 ], [ CUP => 31 ],
        [ POT => 6 ] ]), 409, 'out-of-stock');
    is_deeply($short->{lines}, [
        { line => 2, itemId => 'CUP', requested => 31, available => 29 },
        { line => 3, itemId => 'POT', requested => 6, available => 5 } ],
        'each short line with what is available');

    my $bad = problem_is(place($anna, [ [ NONE => 1 ], [ TEA => 1 ],
        [ DRAFT => 1 ] ]), 422, 'validation-failed');
    is_deeply([ map { "$_->{pointer} $_->{code}" } @{ $bad->{errors} } ],
        [ '/lines/0/itemId unknown', '/lines/2/itemId inactive' ],
        'unknown and not for sale');
    $bad = problem_is(place($anna, [ [ TEA => 1 ] ],
        json => { currency => 'USD' }), 422, 'validation-failed');
    is($bad->{errors}[0]{code}, 'unpriced', 'no price in this currency');
    problem_is(place($anna, [ [ TEA => 0 ] ]), 422, 'validation-failed');
    problem_is(place($anna, []), 422, 'validation-failed');
    problem_is($anna->post('/api/v1/orders', key => key(),
        json => { currency => 'EUR' }), 422, 'validation-failed');
    problem_is(place($anna, [ map { [ TEA => 1 ] } 1 .. 101 ]), 422,
        'validation-failed');
    problem_is(place($anna, [ [ TEA => 1, { shipNode => 'NOPE' } ] ]), 422,
        'validation-failed');
    problem_is(place($anna, [ [ TEA => 1, { discount => 0.5 } ] ]), 403,
        'insufficient-scope');
    problem_is(place($anna, [ [ TEA => 1 ] ],
        json => { customerId => 'bert' }), 403, 'insufficient-scope');
    is(reserved('TEA', 'HAM'), 2, 'nothing was taken');
};


subtest 'nodes' => sub {
    my $order = place($anna, [ [ CUP => 3 ], [ POT => 1 ] ])->json;
    is_deeply([ map { $_->{allocations}[0]{shipNode} } @{ $order->{lines} } ],
        [ qw(MUC MUC) ], 'one node that covers the order');
    $anna->post("/api/v1/orders/$order->{orderId}/cancel");

    $order = place($anna, [ [ CUP => 25 ], [ TEA => 1 ] ])->json;
    is_deeply($order->{lines}[0]{allocations}, [
        { shipNode => 'HAM', quantity => 5 },
        { shipNode => 'MUC', quantity => 20 } ], 'a line over two nodes');
    is_deeply($anna->get("/api/v1/orders/$order->{orderId}")->json, $order,
        'and read so');
    $anna->post("/api/v1/orders/$order->{orderId}/cancel");
    is(reserved('CUP', 'MUC'), 0, 'cancelled: all is free');

    $order = place($anna, [ [ CUP => 1, { shipNode => 'MUC' } ],
                            [ CUP => 1, { shipNode => 'HAM' } ] ])->json;
    is_deeply([ map { $_->{allocations}[0]{shipNode} } @{ $order->{lines} } ],
        [ qw(MUC HAM) ], 'nodes that are named');
    $anna->post("/api/v1/orders/$order->{orderId}/cancel");
};


subtest 'a sales desk' => sub {
    my $order = json_is(place($sales, [
            [ TEA => 3, { unitPrice => { amount => 333, currency => 'EUR' },
                          discount => 0.15 } ],
            [ CUP => 1, { unitPrice => { amount => 10, currency => 'EUR' },
                          discount => 0.25 } ],
            [ POT => 1 ] ],
        json => { customerId => 'anna', externalRef => 'A-1',
                  orderedAt => '1997-05-06T00:00:00Z',
                  freight => { amount => 1234, currency => 'EUR' } }),
        201, { customerId => 'anna', placedBy => 'sally',
               externalRef => 'A-1',
               orderedAt => '1997-05-06T00:00:00.000Z',
               totals => { gross => 999 + 10 + 4200, net => 849 + 8 + 4200,
                           discount => 152, freight => 1234,
                           total => 849 + 8 + 4200 + 1234 } });
    # 849.15 and 7.5
    is($order->{lines}[0]{net}{amount}, 849, 'rounded down');
    is($order->{lines}[1]{net}{amount}, 8, 'half is rounded up');
    is($order->{lines}[0]{discount}, 0.15, 'the discount as given');

    json_is($anna->get("/api/v1/orders/$order->{orderId}"), 200,
        { customerId => 'anna' }, 'the customer sees it');
    problem_is(place($sales, [ [ TEA => 1 ] ],
        json => { externalRef => 'A-1' }), 409, 'conflict');
    problem_is(place($sales, [ [ TEA => 1, {
        unitPrice => { amount => 1, currency => 'USD' } } ] ]), 422,
        'validation-failed');
    problem_is(place($sales, [ [ TEA => 1, { discount => 1.01 } ] ]), 422,
        'validation-failed');
};


subtest 'from a reservation' => sub {
    my $lines = [ { itemId => 'TEA', quantity => 4 } ];
    my $before = reserved('TEA', 'HAM');
    my $held = $anna->post('/api/v1/reservations', key => key(),
        json => { lines => $lines })->json;
    my $id = $held->{reservationId};

    problem_is($bert->post('/api/v1/orders', key => key(),
        json => { currency => 'EUR', reservationId => $id }), 422,
        'unknown-reference');
    my $order = json_is($anna->post('/api/v1/orders', key => key(),
        json => { currency => 'EUR', reservationId => $id }), 201,
        { reservationId => $id, totals => { net => 7996 },
          lines => [ { allocations => [ { shipNode => 'HAM',
                                          quantity => 4 } ] } ] });
    is(reserved('TEA', 'HAM'), $before + 4, 'held once');
    problem_is($anna->post('/api/v1/orders', key => key(),
        json => { currency => 'EUR', reservationId => $id }), 409,
        'reservation-in-order');
    problem_is($anna->post("/api/v1/reservations/$id/release"), 409,
        'reservation-in-order');
    json_is($anna->get("/api/v1/reservations/$id"), 200,
        { state => 'held', orderId => $order->{orderId},
          expiresAt => undef });

    json_is($anna->post("/api/v1/orders/$order->{orderId}/cancel"), 200,
        { status => 'cancelled' });
    json_is($anna->get("/api/v1/reservations/$id"), 200,
        { state => 'released' });
    is(reserved('TEA', 'HAM'), $before, 'and given back once');

    $held = $anna->post('/api/v1/reservations', key => key(),
        json => { lines => $lines })->json;
    $anna->post("/api/v1/reservations/$held->{reservationId}/release");
    my $over = problem_is($anna->post('/api/v1/orders', key => key(),
        json => { currency => 'EUR',
                  reservationId => $held->{reservationId} }), 409,
        'reservation-over');
    is($over->{state}, 'released', 'why');
};


subtest 'states' => sub {
    my $order = place($anna, [ [ TEA => 5 ] ])->json;
    my $path = "/api/v1/orders/$order->{orderId}";
    my $before = reserved('TEA', 'HAM');

    problem_is($anna->post("$path/confirm"), 403, 'insufficient-scope');
    json_is($sales->post("$path/hold", json => { reason => 'address' }), 200,
        { status => 'on_hold', heldFrom => 'placed', version => 2 });
    json_is($sales->post("$path/hold"), 200, { version => 2 }, 'again');
    my $no = problem_is($anna->post("$path/cancel"), 409,
        'illegal-transition');
    is($no->{from}, 'on_hold', 'from');
    is_deeply($no->{allowed}, [ 'placed' ], 'allowed');
    problem_is($sales->post("$path/confirm"), 409, 'illegal-transition');
    json_is($sales->post("$path/release"), 200,
        { status => 'placed', heldFrom => undef, version => 3 });
    json_is($sales->post("$path/confirm"), 200,
        { status => 'confirmed', version => 4 });
    json_is($sales->post("$path/confirm"), 200, { version => 4 }, 'again');
    is(reserved('TEA', 'HAM'), $before, 'its stock is held on');

    my $cancelled = $anna->post("$path/cancel", key => 'cancel-1',
        json => { reason => 'changed my mind' });
    json_is($cancelled, 200, { status => 'cancelled', version => 5,
        fulfilmentStatus => 'cancelled',
        lines => [ { allocated => 0, cancelled => 5 } ] });
    is(reserved('TEA', 'HAM'), $before - 5, 'cancelled: its stock is free');
    is($anna->post("$path/cancel", key => 'cancel-1',
        json => { reason => 'changed my mind' })->body, $cancelled->body,
        'a replay');
    json_is($anna->post("$path/cancel"), 200, { version => 5 }, 'a no-op');
    is(reserved('TEA', 'HAM'), $before - 5, 'which frees nothing more');
    problem_is($sales->post("$path/hold"), 409, 'illegal-transition');

    my $line = $anna->get("$path/timeline")->json->{items};
    is_deeply([ map { "$_->{version} $_->{event} $_->{status} $_->{actor}" }
        @$line ], [ '1 placed placed anna', '2 held on_hold sally',
        '3 released placed sally', '4 confirmed confirmed sally',
        '5 cancelled cancelled anna' ], 'the timeline');
    is($line->[4]{note}, 'changed my mind', 'with the reason');

    my @events = $t->sql(q{SELECT type FROM core.event
        WHERE source = '/orders/order' AND subject = ? ORDER BY sequence},
        $order->{orderId});
    is_deeply([ map { /order\.(\w+)/ } @events ],
        [ qw(created held released confirmed cancelled) ], 'the events');
};


subtest 'lists and sums' => sub {
    my @mine = list_all($anna, '/api/v1/orders?limit=2');
    is(scalar @mine, $t->sql(q{SELECT count(*) FROM orders."order"
        WHERE customer_id = 'anna'}), 'all of one\'s own');
    is((grep { $_->{customerId} ne 'anna' } @mine), 0, 'and no other');
    ok(!exists $mine[0]{lines}, 'without lines');
    my @times = map { $_->{orderedAt} } @mine;
    is_deeply(\@times, [ reverse sort @times ], 'the newest first');
    @times = map { $_->{orderedAt} }
        list_all($anna, '/api/v1/orders?limit=3&sort=orderedAt');
    is_deeply(\@times, [ sort @times ], 'or the oldest');
    is(scalar @{ list_all($bert, '/api/v1/orders') }, 0, 'nothing of Bert');
    is(scalar @{ list_all($foreign, '/api/v1/orders') }, 0,
       'nor of another tenant');
    is(scalar @{ list_all($sales, '/api/v1/orders?customerId=anna') },
       scalar @mine, 'by customer');
    is(scalar @{ list_all($bert, '/api/v1/orders?customerId=anna') }, 0,
       'which opens nothing');

    my ($old) = list_all($sales,
        '/api/v1/orders?orderedTo=1998-01-01T00:00:00Z');
    is($old->{externalRef}, 'A-1', 'by time');
    my $open = list_all($sales, '/api/v1/orders?status=placed');
    is((grep { $_->{status} ne 'placed' } @$open), 0, 'by status');

    my $sum = $sales->get('/api/v1/orders/summary?status=placed')->json;
    my ($net, $count) = (0, 0);
    for my $order (@$open) {
        $net += $order->{totals}{net};
        $count++;
    }
    json_is($sales->get('/api/v1/orders/summary?status=placed'), 200,
        { items => [ { currency => 'EUR', count => $count, net => $net } ] });
    is_deeply($bert->get('/api/v1/orders/summary')->json, { items => [] },
        'nothing to sum');
    problem_is($sales->get('/api/v1/orders?status=lost'), 400,
        'invalid-parameter');
};


is($t->sql(q{SELECT count(*) FROM inventory.inconsistencies('demo')}), 0,
   'the books agree');
is($t->sql(q{SELECT count(*) FROM (
    SELECT max(sequence) - count(*) AS gap FROM core.event
     GROUP BY tenant, source, subject) s WHERE gap <> 0}), 0,
   'no gap in any subject\'s sequence');

done_testing;
