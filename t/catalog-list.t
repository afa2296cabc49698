# Lists of products: filters, sorts and pages agree with what is there.

use Carmen::Test;

my $t = Carmen::Test->new;
my $editor = $t->client(sub => 'ed', scope => 'catalog:read catalog:write');
my $reader = $t->client(sub => 'rita', scope => 'catalog:read');

my @brand = map { $editor->post('/api/v1/brands', key => "b$_",
    json => { name => "Brand $_" })->json->{brandId} } 1 .. 3;
my $top = $editor->post('/api/v1/categories', key => 'top',
    json => { name => 'Top' })->json->{categoryId};
my @category = map { $editor->post('/api/v1/categories', key => "c$_",
    json => { name => "Below $_", parentCategoryId => $top })
    ->json->{categoryId} } 1 .. 2;

# 60 products in one request; every tenth is refused for its SKU

my @color = qw(red Red green blue);
my @item = map { {
    name => sprintf('%s thing %02d', $color[$_ % 4], $_),
    brandId => $brand[$_ % 3], categoryId => $category[$_ % 2],
    $_ % 5 ? (status => 'active') : (),
    variants => [{ sku => $_ % 10 ? "T-$_" : 'T-1',
                   price => { amount => 100 + $_, currency => 'EUR' } }],
} } 1 .. 60;
my $bulk = $editor->post('/api/v1/products/bulk', key => 'bulk',
    json => { items => \@item });
json_is($bulk, 200, { created => 54, refused => 6 }, 'many at once');
my ($first) = grep { $_->{status} != 201 } @{ $bulk->json->{items} };
is($first->{index}, 9, 'the tenth');
like($first->{problem}{type}, qr{/duplicate-sku$}, 'says why');
is($editor->post('/api/v1/products/bulk', key => 'bulk',
    json => { items => \@item })->body, $bulk->body, 'replayed');

sub names
{
    my ($client, $query) = @_;
    my $r = $client->get("/api/v1/products?limit=200$query");
    is($r->status, 200, "?$query") or diag $r->body;
    return map { $_->{name} } @{ $r->json->{items} };
}

my @there = grep { $_ % 10 } 1 .. 60;
sub expected
{
    my ($wanted) = @_;
    return [sort { lc $a cmp lc $b } map { $item[$_ - 1]{name} }
            grep { $wanted->($_) } @there];
}

is_deeply([names($editor, '')], expected(sub { 1 }), 'by name, all');
is_deeply([names($reader, '')], expected(sub { $_[0] % 5 }),
   'drafts are the editor\'s');
is_deeply([names($editor, '&sort=-name')], [reverse @{ expected(sub { 1 }) }],
   'backwards');
is_deeply([names($editor, "&brandId=$brand[1]")],
   expected(sub { $_[0] % 3 == 1 }), 'of a brand');
is_deeply([names($editor, "&categoryId=$category[1]")],
   expected(sub { $_[0] % 2 }), 'of a category');
is_deeply([names($editor, "&categoryId=$top")], expected(sub { 1 }),
   'of the category above');
is_deeply([names($editor, '&status=draft')],
   expected(sub { $_[0] % 5 == 0 }), 'of a state');
is_deeply([names($reader, '&status=draft')], [], 'not for a customer');
is_deeply([names($editor, '&sku=T-7')], [$item[6]{name}], 'by SKU');
is_deeply([names($editor, '&sku=none')], [], 'an unknown SKU');
is_deeply([names($editor, '&gtin=4006381333931')], [], 'an unknown GTIN');
is_deeply([names($editor, '&q=RED+thi')],
   expected(sub { $_[0] % 4 < 2 }), 'by words');
is_deeply([names($editor, '&q=thing+07')], [$item[6]{name}],
   'words in any order');
is_deeply([names($editor, '&q=hing')], [], 'words from their beginning');
is_deeply([names($editor,
    "&brandId=$brand[1]&categoryId=$category[0]&status=active&q=green")],
   expected(sub { $_[0] % 3 == 1 && $_[0] % 2 == 0 && $_[0] % 5
                  && $_[0] % 4 == 2 }), 'all at once');

# pages

for my $sort (qw(name -name createts -createts)) {
    my (@seen, $cursor, $pages);
    do {
        my $r = $editor->get("/api/v1/products?limit=7&sort=$sort"
            . ($cursor ? "&cursor=$cursor" : ''));
        push @seen, map { $_->{productId} } @{ $r->json->{items} };
        $cursor = $r->json->{next};
    } while ($cursor && ++$pages < 20);
    my %seen;
    is(scalar @seen, 54, "$sort: pages hold all");
    is(scalar(grep { !$seen{$_}++ } @seen), 54, "$sort: each once");
}

my $one = $editor->get('/api/v1/products?limit=7');
my $two = $editor->get('/api/v1/products?limit=7&cursor='
    . $one->json->{next});
is($editor->get('/api/v1/products?limit=7&cursor=' . $two->json->{prev})
    ->json->{items}[0]{productId}, $one->json->{items}[0]{productId},
   'and back');
like($two->header('link'), qr/rel="?next"?/, 'Link');
problem_is($editor->get('/api/v1/products?sort=-name&cursor='
    . $one->json->{next}), 400, 'invalid-cursor');
problem_is($editor->get('/api/v1/products?limit=201'),
    400, 'invalid-parameter');
problem_is($editor->get('/api/v1/products?sort=price'),
    400, 'invalid-parameter');
problem_is($editor->get('/api/v1/products?color=red'),
    400, 'invalid-parameter');
is_deeply($editor->get('/api/v1/products?limit=1&fields=name')->json->{items},
    [{ name => expected(sub { 1 })->[0] }], 'only a member');

is_deeply([map { $_->{name} } @{ $reader->get('/api/v1/brands?q=brand')
    ->json->{items} }], ['Brand 1', 'Brand 2', 'Brand 3'],
   'brands by how they begin');

done_testing;
