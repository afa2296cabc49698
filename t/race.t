# Many at once: the last items, one key, a hold and its end, two cancels.

use Time::HiRes qw(sleep time);
use Time::Local qw(timegm);

use Carmen::Test;

my $t = Carmen::Test->new(workers => 2);
my $admin = $t->client(sub => 'admin', scope => 'catalog:write'
    . ' inventory:read inventory:write');
my $token = $t->token(sub => 'anna', scope => 'inventory:reserve orders:read'
    . ' orders:write');
my $anna = $t->client->with(token => $token, timeout => 60);
my $key = 0;

sub key { return 'r-' . ++$key }


sub product
{
    my ($sku, $quantity) = @_;
    my $made = $admin->post('/api/v1/products', key => key(), json => {
        name => $sku, variants => [ { sku => $sku,
            price => { amount => 100, currency => 'EUR' } } ] });
    die $made->body if $made->status != 201;
    $admin->post('/api/v1/products/' . $made->json->{productId} . '/publish');
    my $done = $admin->put("/api/v1/inventory/$sku/nodes/HAM",
                           json => { quantity => $quantity });
    die $done->body if $done->status > 201;
}


sub stock
{
    my ($sku) = @_;
    return $admin->get("/api/v1/inventory/$sku/nodes/HAM")->json;
}


sub order
{
    my ($key, @skus) = @_;
    return [ POST => '/api/v1/orders', key => $key, json => {
        currency => 'EUR',
        lines => [ map { { itemId => $_, quantity => 1 } } @skus ] } ];
}


sub count
{
    my %count;
    for my $response (@_) {
        my $type = $response ? $response->status : 'nothing';
        $type .= ' ' . ($response->json->{type} =~ m{([^/]+)$})[0]
            if $response && $type >= 400;
        $count{$type}++;
    }
    return \%count;
}


$admin->post('/api/v1/ship-nodes', key => key(),
             json => { id => 'HAM', name => 'Hamburg' });


subtest '200 clients, 50 items' => sub {
    product('LAST', 50);
    my @answers = $anna->all(map { order(key(), 'LAST') } 1 .. 200);

    is_deeply(count(@answers), { 201 => 50, '409 out-of-stock' => 150 },
        '50 buy, 150 are told');
    my $now = stock('LAST');
    is("$now->{quantity} $now->{reserved} $now->{available}", '50 50 0',
       'nothing is left, nothing was sold twice');
    is($t->sql(q{SELECT sum(quantity) FROM orders.order_line
        WHERE item_id = 'LAST'}), 50, 'as the orders say');
};


subtest 'baskets in any order' => sub {
    product($_, 1000) for qw(A B C D);
    my @baskets = ([qw(A B C D)], [qw(D C B A)], [qw(C A)], [qw(B D)]);
    my @answers = $anna->all(map { order(key(), @{ $baskets[$_ % 4] }) }
        1 .. 200);

    is_deeply(count(@answers), { 201 => 200 }, 'no deadlock');
    is(join(' ', map { stock($_)->{reserved} } qw(A B C D)),
       '150 150 150 150', 'all of it is reserved');
};


subtest 'one key from 50 clients' => sub {
    product('ONCE', 100);
    my @answers = $anna->all(map { order('the-key', 'ONCE') } 1 .. 50);
    my $count = count(@answers);
    my @made = grep { $_->status == 201 } @answers;
    my %bodies = map { $_->body => 1 } @made;

    ok(@made >= 1, 'it is made') or diag(explain($count));
    delete @$count{ 201, '409 idempotency-in-flight' };
    is_deeply($count, {}, 'the others replay or are told that it is on');
    is(scalar keys %bodies, 1, 'the same answer, byte for byte');
    is(stock('ONCE')->{reserved}, 1, 'one order');

    @answers = map { $anna->request(@{ order('the-key', 'ONCE') }) } 1 .. 5;
    is((grep { $_->status != 201 || !$bodies{ $_->body } } @answers), 0,
       'and then every one is a replay');
    is(stock('ONCE')->{reserved}, 1, 'still one order');
};


sub epoch
{
    my ($y, $m, $d, $h, $min, $s) = $_[0] =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+)
        :([\d.]+)Z$/x;
    return timegm(int $s, $min, $h, $d, $m - 1, $y) + $s - int $s;
}


subtest 'a hold and its end' => sub {
    my (@held, %outcome);
    my $lines = sub { return [ { itemId => $_[0], quantity => 1 } ] };

    for my $i (1 .. 16) {
        product("H$i", 1);
        push @held, $anna->post('/api/v1/reservations', key => key(),
            json => { lines => $lines->("H$i"), expiresIn => 2 })->json;
    }

    # Fired from shortly before to shortly after the end.
    for my $i (sort { epoch($held[$a]{expiresAt})
                      <=> epoch($held[$b]{expiresAt}) } 0 .. 15)
    {
        my $wait = epoch($held[$i]{expiresAt}) - 0.012 + 0.001 * $i - time;
        sleep $wait if $wait > 0;

        my ($confirm, $buy) = $anna->all(
            [ POST => "/api/v1/reservations/$held[$i]{reservationId}"
              . '/confirm' ],
            [ POST => '/api/v1/reservations', key => key(),
              json => { lines => $lines->('H' . ($i + 1)) } ]);
        $outcome{ $confirm->status . ' ' . $buy->status }++;
        is(stock('H' . ($i + 1))->{reserved}, 1, 'one holder')
            if $confirm->status == 200 || $buy->status == 201;
    }

    diag(join ', ', map { "$_: $outcome{$_}" } sort keys %outcome);
    is($outcome{'200 201'}, undef, 'never both');

    # Neither is possible: the buyer came while it was held, the holder after.
    delete @outcome{ '200 409', '409 201', '409 409' };
    is_deeply(\%outcome, {}, 'one of them, or neither');
    is($t->sql(q{SELECT count(*) FROM core.event
        WHERE type LIKE '%.reservation.expired.v1'}),
       $t->sql(q{SELECT count(*) FROM inventory.reservation
        WHERE state = 'expired'}), 'an event for each that expired');
};


subtest 'cancel and cancel' => sub {
    product('BACK', 10);
    my $order = $anna->request(@{ order(key(), 'BACK') })->json;
    my $path = "/api/v1/orders/$order->{orderId}/cancel";
    my @answers = $anna->all(map { [ POST => $path ] } 1 .. 30);

    is_deeply(count(@answers), { 200 => 30 }, 'every one is content');
    is(stock('BACK')->{reserved}, 0, 'the stock came back once');
    is($t->sql(q{SELECT count(*) FROM core.event
        WHERE type LIKE '%.order.cancelled.v1' AND subject = ?},
        $order->{orderId}), 1, 'one event');
    is($t->sql(q{SELECT version FROM orders."order" WHERE order_id = ?},
        $order->{orderId}), 2, 'one new version');
};


subtest 'buy and cancel' => sub {
    product('SWAP', 5);
    my @orders = map { $anna->request(@{ order(key(), 'SWAP') })->json }
        1 .. 5;
    my @answers = $anna->all(
        (map { order(key(), 'SWAP') } 1 .. 20),
        (map { [ POST => "/api/v1/orders/$_->{orderId}/cancel" ] } @orders),
        (map { order(key(), 'SWAP') } 1 .. 20));
    my $made = grep { $_->status == 201 } @answers;

    is((grep { $_->status == 200 } @answers), 5, 'all five are cancelled');
    is(stock('SWAP')->{reserved}, $made, "reserved is what was sold: $made");
};


is($t->sql(q{SELECT count(*) FROM inventory.inconsistencies('demo')}), 0,
   'the books agree');
is($t->sql(q{SELECT count(*) FROM (
    SELECT max(sequence) - count(*) AS gap FROM core.event
     GROUP BY tenant, source, subject) s WHERE gap <> 0}), 0,
   'no gap in any subject\'s sequence');

done_testing;
